"""The flight recorder: what happened in the last hour, kept, played again, and told."""
