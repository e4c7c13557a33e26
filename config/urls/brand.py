"""A brand's own host: that brand's screens for its client's staff."""

from django.urls import include, path

from accounts.api import docs
from accounts.views import health
from accounts.views.logos import host_logo
from inbox import views as inbox

urlpatterns = [
    path("live-since/", inbox.live_since, name="live-since"),
    path("healthz", health, name="health"),
    path("logo/", host_logo, name="logo"),
    path("", include("accounts.urls")),
    path("api/docs/", docs.page, name="api-docs"),
    path("api/schema/", docs.schema, name="api-schema"),
    path("api/v1/", include("config.urls.brand_api")),
    path("reports/", include("reporting.urls")),
    path("", include("inbox.urls")),
]
handler400 = "config.refusals.not_understood"
handler404 = "config.refusals.not_found"
handler500 = "config.refusals.crashed"
