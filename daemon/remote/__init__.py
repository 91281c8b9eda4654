"""Whoever controls and watches a performance from outside its own terminal: one tree of controls for all of them."""
