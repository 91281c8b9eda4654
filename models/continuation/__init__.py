"""Streaming continuation: a multitrack Transformer that listens all the time and plays on."""
