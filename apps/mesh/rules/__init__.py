"""Checks over a snapshot, one a file. Only the catalogue lists them; they do not know one another."""
