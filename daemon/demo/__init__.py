"""What `ripieno demo` plays, with its licence."""
