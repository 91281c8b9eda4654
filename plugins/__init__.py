"""The plugin contract and the built-ins, one plugin a file."""
