"""The program: command line, rigs, drivers, display."""
