"""The operators' host. Twitter's webhook lives here too, behind the lean door (`config/asgi.py`)."""

from django.urls import include, path

from accounts.views import health, landing
from config.admin import operators_site
from inbox import views as inbox

urlpatterns = [
    path("", landing, name="landing"),
    path("healthz", health, name="health"),
    path("", include("accounts.urls")),
    path("admin/", operators_site.urls),
    path("twitter/callback/", inbox.twitter_callback, name="twitter-callback"),
]
handler400 = "config.refusals.not_understood"
handler404 = "config.refusals.not_found"
handler429 = "accounts.views.too_often"
handler500 = "config.refusals.crashed"
