"""The agencies that work with Nightjar: founded by operators, handed to their first admin."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import tasks
from accounts.admin.base import HouseAdmin
from accounts.domain import founding
from accounts.enums import Right
from tenants.badges import address
from tenants.models import Agency, BuildState
from tenants.nudge import nudge_house


class AgencyForm(forms.ModelForm):
    """What an agency is called."""

    name = forms.CharField(max_length=80, help_text="As its people know it, like “Northlight”.")
    slug = forms.SlugField(
        max_length=40,
        label="Short name",
        help_text=f"Its host: “northlight” gives northlight.{settings.BASE_DOMAIN}. Small letters, digits; it stays.",
    )

    class Meta:
        model = Agency
        fields = ("name", "slug")

    def _get_validation_exclusions(self) -> set[str]:
        # The domain says in better words that a short name is taken.
        return super()._get_validation_exclusions() | {"slug"}  # type: ignore[misc]


class AgencyAdmin(HouseAdmin):
    right = Right.OPERATE
    introduction = "The companies that work with Nightjar. Of what they do for their brands, nothing is shown here."
    form = AgencyForm
    change_form_template = "admin/agency.html"
    acts = ("retry",)
    list_display = ("name", "host_shown", "brands_shown", "state_shown", "created_at")
    search_fields = ("name", "slug")
    search_help_text = "Find an agency by its name"
    ordering = ("name", "pk")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(brand_count=Count("brands"))

    def host_shown(self, agency: Agency) -> str:
        host = f"{agency.slug}.{settings.BASE_DOMAIN}"
        return format_html('<a href="{}">{}</a>', address(host), host)

    host_shown.short_description = "host"  # type: ignore[attr-defined]

    def brands_shown(self, agency: Any) -> int:
        return int(agency.brand_count)

    brands_shown.short_description = "brands"  # type: ignore[attr-defined]
    brands_shown.admin_order_field = "brand_count"  # type: ignore[attr-defined]

    def state_shown(self, agency: Agency) -> str:
        word = agency.get_build_state_display()
        return format_html('<span class="chip" data-state="{}">{}</span>', word, word)

    state_shown.short_description = "state"  # type: ignore[attr-defined]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("short_name",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "short_name") if obj else ("name", "slug")

    def short_name(self, agency: Agency) -> str:
        return agency.slug

    def save_model(self, request: Any, obj: Agency, form: Any, change: bool) -> None:
        who = {"by": request.person, "now": timezone.now()}
        if change:
            founding.rename_agency(agency=obj, name=form.cleaned_data["name"], **who)
            return
        slug = form.cleaned_data["slug"].lower()
        obj.pk = founding.found_agency(name=form.cleaned_data["name"], slug=slug, **who).pk
        request.afterwards.append(lambda: nudge_house(tasks.build_brands))

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        agency = kwargs.get("obj")
        if agency is not None:
            context |= {
                "agency": agency,
                "build": BuildState,
                "host_url": address(f"{agency.slug}.{settings.BASE_DOMAIN}"),
                "invite_url": f"{reverse('admin:accounts_invitation_add')}?agency={agency.pk}",
                "acts": {act: self.address_of(agency, act) for act in self.acts},
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def retry(self, request: Any, agency: Agency) -> None:
        founding.retry_agency(agency=agency)
        nudge_house(tasks.build_brands)
