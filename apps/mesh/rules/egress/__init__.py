"""Checks on ServiceEntries and Sidecars: what is let out, and to whom it is known."""
