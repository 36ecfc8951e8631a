"""What can be done with a change, one verb a file. Keyword-only, `actor` among them."""
