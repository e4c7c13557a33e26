"""Invitations in the admin: an agency's own; and the operators', who invite operators and an agency's first admins."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.admin.base import HouseAdmin
from accounts.domain import invitations
from accounts.enums import InvitationState, Right, Role
from accounts.models import Invitation
from tenants.models import Agency, Brand


class InvitationForm(forms.ModelForm):
    """Who is asked to come aboard, as what. Whether they may be is the domain's to say."""

    email = forms.EmailField(max_length=254, label="E-mail", help_text="The invitation is for this address alone.")
    name = forms.CharField(max_length=80, required=False, help_text="What the mail calls them; they may change it.")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ("email", "name")

    def _post_clean(self) -> None:
        """The row is made by the domain, not from this form."""


class AgencysInvitationForm(InvitationForm):
    role = forms.ChoiceField(choices=Role, initial=Role.AGENT)
    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, empty_label="all brands", help_text="Client staff need one."
    )

    class Meta(InvitationForm.Meta):
        fields = ("email", "name", "role", "brand")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "brand" in self.fields:
            self.fields["brand"].queryset = Brand.objects.only("name").order_by("name", "pk")  # type: ignore[attr-defined]


class OperatorsInvitationForm(InvitationForm):
    agency = forms.ModelChoiceField(
        Agency.objects.none(),
        required=False,
        empty_label="none: they become an operator",
        help_text="They become this agency's admin, and invite everybody else themselves.",
    )

    class Meta(InvitationForm.Meta):
        fields = ("email", "name", "agency")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "agency" in self.fields:
            self.fields["agency"].queryset = Agency.objects.only("name").order_by("name", "pk")  # type: ignore[attr-defined]


class InvitationAdmin(HouseAdmin):
    """An agency's invitations."""

    form: type[InvitationForm] = AgencysInvitationForm
    asked_for: tuple[str, ...] = ("email", "name", "role", "brand")
    right = Right.PEOPLE
    can_be_changed = False
    introduction = "Who is asked to come aboard. An invitation works once, for three days, at one e-mail address."
    acts = ("withdraw", "send_again")
    list_display = ("email", "name", "as_what", "where", "state", "invited_at", "by_whom")
    list_display_links = ("email",)
    ordering = ("-invited_at", "-pk")
    search_fields = ("email", "name")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            self.asked_for if obj is None else ("email", "name", "as_what", "where", "state", "expires_at", "by_whom")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        rows = Invitation.objects.select_related("agency", "brand", "invited_by")
        own = [field.attname for field in Invitation._meta.concrete_fields]
        return rows.only(*own, "agency__name", "brand__name", "invited_by__name").order_by("-invited_at", "-pk")

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        made, word = invitations.invite(
            **self._place(request, given),
            email=given["email"],
            name=given["name"],
            by=request.person,
            now=timezone.now(),
        )
        obj.__dict__.update(made.__dict__)
        request.afterwards.append(lambda: self._tell(request, made, word))

    def _place(self, request: Any, given: dict[str, Any]) -> dict[str, Any]:
        """Where somebody is invited to, and as what."""
        brand = given.get("brand")
        return {"agency_id": request.agency.pk, "brand_id": brand.pk if brand else None, "role": given["role"]}

    def withdraw(self, request: Any, row: Invitation) -> None:
        invitations.withdraw(invitation=row, by=request.person, now=timezone.now())
        messages.success(request, f"The invitation of {row.email} is withdrawn.")

    def send_again(self, request: Any, row: Invitation) -> HttpResponse:
        """Send it once more, with a new address; the old one no longer works."""
        made, word = invitations.again(invitation=row, by=request.person, now=timezone.now())
        self._tell(request, made, word)
        return HttpResponseRedirect(reverse("admin:accounts_invitation_changelist"))

    @admin.display(description="As")
    def as_what(self, row: Invitation) -> str:
        return row.get_role_display() if row.role else "operator"

    @admin.display(description="Where", empty_value="all brands")
    def where(self, row: Invitation) -> str | None:
        return row.brand.name if row.brand else None

    @admin.display(description="State")
    def state(self, row: Invitation) -> str:
        return InvitationState(invitations.state_of(row, now=timezone.now())).label

    @admin.display(description="By")
    def by_whom(self, row: Invitation) -> str:
        return row.invited_by.name if row.invited_by else "Nightjar’s operators"

    def _tell(self, request: Any, made: Invitation, word: str) -> None:
        """Mail it, and show the address, once: afterwards nobody knows its word but who was invited."""
        where = invitations.link(made, word, base_domain=settings.BASE_DOMAIN)
        if invitations.send(made, where):
            messages.success(
                request, f"A mail is on its way to {made.email}. You may also hand over this address: {where}"
            )
        else:
            messages.warning(request, f"No mail could be sent. Hand this address to {made.email} yourself: {where}")


class OperatorsInvitationAdmin(InvitationAdmin):
    """Invitations of operators, and of agencies' first admins."""

    form = OperatorsInvitationForm
    right = Right.OPERATE
    introduction = "Operators, and the first admin of each agency, who then invites everybody else there."
    asked_for = ("email", "name", "agency")

    def _place(self, request: Any, given: dict[str, Any]) -> dict[str, Any]:
        agency = given["agency"]
        return {"agency_id": agency.pk if agency else None, "brand_id": None, "role": Role.ADMIN if agency else ""}

    @admin.display(description="Where")
    def where(self, row: Invitation) -> str | None:
        return row.agency.name if row.agency else "Nightjar"

    @admin.display(description="By")
    def by_whom(self, row: Invitation) -> str:
        return row.invited_by.name if row.invited_by else "the installation itself"
