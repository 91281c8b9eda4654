"""Plugins: the contract (base), how each kind is hosted, and where they are found."""
