"""The compiled engine and its Python face."""
