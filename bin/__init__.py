"""The commands behind the Makefile: run, test, bench, demo-reset.

They start with nothing but Python and its standard library, and make the rest.
The product never imports them.
"""
