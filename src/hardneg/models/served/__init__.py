"""Models that encode behind an endpoint: embedding APIs of the OpenAI protocol."""
