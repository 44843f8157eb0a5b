"""Endpoints: requests to servers of the OpenAI protocol, asked again where that may help; no key is shown."""
