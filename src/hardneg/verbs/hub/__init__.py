"""What a run mined or trained, given to a Hub with a card of its own figures, and what others gave there, taken."""
