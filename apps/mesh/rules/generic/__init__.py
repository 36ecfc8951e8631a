"""Checks on what objects of several kinds have in common: selectors, exportTo, who counts."""
