"""Automatic instrumentation: which instrument of the ensemble plays each note."""
