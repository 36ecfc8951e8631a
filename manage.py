#!/usr/bin/env python
"""Runs Django's commands; the settings come from DJANGO_SETTINGS_MODULE, the local ones by default."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings.local")
    execute_from_command_line(sys.argv)
