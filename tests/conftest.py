"""Profiles of the property tests: short by default, `--hypothesis-profile=long` to search."""

from hypothesis import settings

settings.register_profile("long", deadline=None, print_blob=True)
