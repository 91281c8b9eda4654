"""The commands of `ripieno`, one module each."""
