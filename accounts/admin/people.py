"""People in the admin: who works at an agency as what; and who runs Nightjar."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.admin.base import HouseAdmin
from accounts.domain import people
from accounts.enums import Right, Role
from accounts.models import Membership, User
from tenants.models import Brand


class _PersonField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.email})"


class MembershipForm(forms.ModelForm):
    """What somebody is to be. Whether they may be is the domain's to say."""

    user = _PersonField(User.objects.none(), label="Person", help_text="Somebody new comes by invitation.")
    role = forms.ChoiceField(choices=Role)
    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, empty_label="all brands", help_text="Client staff need one."
    )

    class Meta:
        model = Membership
        fields = ("user", "brand", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].queryset = User.objects.only("name", "email").order_by("name", "pk")  # type: ignore[attr-defined]
        if "brand" in self.fields:
            self.fields["brand"].queryset = Brand.objects.only("name").order_by("name", "pk")  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """The row is changed by the domain, not from this form."""


class MembershipAdmin(HouseAdmin):
    """Who works at the agency, or at one of its clients, as what."""

    form = MembershipForm
    right = Right.PEOPLE
    introduction = "Who works here, and as what: in all brands, or in one. A change ends that person's open pages."
    acts = ("take_role",)
    list_display = ("person", "email", "role", "where", "given_at")
    list_display_links = ("person",)
    search_fields = ("user__name", "user__email")
    ordering = ("user__name", "pk")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "brand", "role") if obj is None else ("person", "email", "where", "role", "given_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("person", "email", "where", "given_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows = Membership.objects.select_related("user", "brand")
        own = [field.attname for field in Membership._meta.concrete_fields]
        return rows.only(*own, "user__name", "user__email", "brand__name").order_by("user__name", "pk")

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        brand_id = obj.brand_id if change else given["brand"] and given["brand"].pk
        made = people.give_role(
            person_id=obj.user_id if change else given["user"].pk,
            agency_id=request.agency.pk,
            brand_id=brand_id,
            role=given["role"],
            by=request.person,
            now=timezone.now(),
        )
        obj.__dict__.update(made.__dict__)

    def take_role(self, request: Any, row: Membership) -> HttpResponse:
        """Take the role away."""
        people.take_role(membership=row, by=request.person, now=timezone.now())
        messages.success(request, f"{row.user.name} is no longer {row.get_role_display()} here.")
        return HttpResponseRedirect(reverse("admin:accounts_membership_changelist"))

    @admin.display(description="Person", ordering="user__name")
    def person(self, row: Membership) -> str:
        return row.user.name

    @admin.display(description="E-mail", ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @admin.display(description="Where", empty_value="all brands")
    def where(self, row: Membership) -> str | None:
        return row.brand.name if row.brand else None


class OperatorAdmin(HouseAdmin):
    """Who runs Nightjar itself."""

    right = Right.OPERATE
    can_be_added = False
    can_be_changed = False
    introduction = "Who runs Nightjar. Another one comes by invitation, without an agency."
    acts = ("deactivate", "reactivate")
    list_display = ("name", "email", "may_log_in", "last_login")
    list_display_links = ("name",)
    fields = ("name", "email", "may_log_in", "last_login")
    search_fields = ("name", "email")
    ordering = ("name", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        shown = ("name", "email", "is_active", "is_operator", "is_demonstration", "last_login")
        return User.objects.filter(is_operator=True).only(*shown).order_by("name", "pk")

    def deactivate(self, request: Any, row: User) -> None:
        people.deactivate(person_id=row.pk, by=request.person, now=timezone.now())
        messages.success(request, f"{row.name} can no longer log in.")

    def reactivate(self, request: Any, row: User) -> None:
        people.reactivate(person_id=row.pk, by=request.person, now=timezone.now())
        messages.success(request, f"{row.name} can log in again.")

    @admin.display(description="May log in", boolean=True)
    def may_log_in(self, row: User) -> bool:
        return row.is_active
