"""The pages' door, served by granian in threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# Nudges go through the configured Celery application, so it must exist in this process too.
from config.celery import app as celery  # noqa: E402

__all__ = ["application", "celery"]
