"""What `ripieno bench` measures, one module each, with its rivals in the same run."""
