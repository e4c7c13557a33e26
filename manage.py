#!/usr/bin/env python
"""Nightjar's commands. Reads the servers' addresses from the state directory where the environment names none."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Nudges go through the configured Celery application, so it must exist in this process too.
from config.celery import app as celery  # noqa: E402

__all__ = ["celery"]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
