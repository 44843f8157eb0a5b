"""What a row is compared with: the batch, a queue of earlier rows, and the chance of meeting each."""
