"""The API on an agency's host, below /api/v1/. Which key may use what is in `config/rights.py`."""

from django.urls import path

from accounts.api import agency

app_name = "api"
urlpatterns = [
    path("brands/", agency.BrandsView.as_view(), name="brands"),
    path("desk/", agency.DeskView.as_view(), name="desk"),
    path("people/", agency.PeopleView.as_view(), name="people"),
]
