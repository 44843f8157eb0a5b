"""Evaluation while training: on a fixed sample every so often, and on everything at the end.

`settings` says how, `sample` chooses queries and documents, `looking` measures the weights of the moment, and `curve`
keeps what was seen.
"""
