"""Checks on Speedscale: can it work in this mesh, and does it capture what it was asked to."""
