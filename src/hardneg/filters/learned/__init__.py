"""The filter that learns from hidden positives what an answer looks like."""
