"""Encoders: from texts to vectors, and the store that keeps the vectors of documents."""
