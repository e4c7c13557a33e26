#!/usr/bin/env python
"""Nightjar's commands. Reads the servers' addresses from the state directory where the environment names none."""

import os
import sys

from django.core.management import execute_from_command_line

from config import environment

if __name__ == "__main__":
    environment.load()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
