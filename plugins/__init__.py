"""The plugin contract and the built-ins, one plugin a file. None yet: they come with the hosting of plugins."""
