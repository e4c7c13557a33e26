"""A brand's own host: that brand's screens for its client's staff."""

from django.urls import include, path

from accounts.views import health
from inbox import views as inbox

urlpatterns = [
    path("live-since/", inbox.live_since, name="live-since"),
    path("healthz", health, name="health"),
    path("", include("accounts.urls")),
    path("reports/", include("reporting.urls")),
    path("", include("inbox.urls")),
]
handler400 = "config.refusals.not_understood"
handler404 = "config.refusals.not_found"
handler500 = "config.refusals.crashed"
