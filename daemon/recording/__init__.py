"""The performance, written to disk while it is played; it opens whatever ends its writing."""
