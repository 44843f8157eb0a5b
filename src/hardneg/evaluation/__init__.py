"""How good a retriever is, for each query and on average, and whether two of them really differ."""
