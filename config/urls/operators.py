"""The operators' host. Twitter's webhook lives here too, behind the lean door (`config/asgi.py`)."""

from django.urls import path

from accounts.views import health, landing

urlpatterns = [
    path("", landing, name="landing"),
    path("healthz", health, name="health"),
]
handler400 = "config.refusals.not_understood"
handler404 = "config.refusals.not_found"
handler500 = "config.refusals.crashed"
