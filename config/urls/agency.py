"""An agency's host: its desk over all brands, and each brand's screens under /b/<brand>/."""

from django.urls import include, path

from accounts.api import docs
from accounts.views import health
from accounts.views.keys import key, keys
from accounts.views.logos import brand_logo
from config.admin import agency_site
from inbox import views as inbox
from reporting import views as reporting

urlpatterns = [
    path("", inbox.desk, name="desk"),
    path("desk/rows/", inbox.desk_rows, name="desk-rows"),
    path("desk/alarms/", inbox.desk_alarms, name="desk-alarms"),
    path("desk/presence/", inbox.desk_presence, name="desk-presence"),
    path("live-since/", inbox.live_since, name="live-since"),
    path("healthz", health, name="health"),
    path("", include("accounts.urls")),
    path("reports/first-response/", reporting.agency_first_response, name="agency-first-response"),
    path("costs/", inbox.agency_costs, name="agency-costs"),
    path("keys/", keys, name="keys"),
    path("keys/<int:pk>/", key, name="key"),
    path("api/docs/", docs.page, name="api-docs"),
    path("api/schema/", docs.schema, name="api-schema"),
    path("api/v1/", include("config.urls.agency_api")),
    path("admin/", agency_site.urls),
    path("b/<slug:brand_slug>/logo/", brand_logo, name="brand-logo"),
    path("b/<slug:brand_slug>/", include("inbox.urls")),
    path("b/<slug:brand_slug>/reports/", include("reporting.urls")),
]
handler400 = "config.refusals.not_understood"
handler404 = "config.refusals.not_found"
handler500 = "config.refusals.crashed"
