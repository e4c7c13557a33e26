"""An agency's brands: founded, dressed, made ready, set live, put to rest, ended."""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import tasks
from accounts.admin.base import HouseAdmin, HouseInline
from accounts.domain import endings, founding
from accounts.enums import Right
from tenants import badges
from tenants.models import Brand, BrandState, BuildState, Domain, Logo, Mark, MarkKind, Offboarding
from tenants.nudge import nudge_house
from tenants.refusals import Refusal

LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
    "nl": "Dutch", "pl": "Polish", "tr": "Turkish", "ar": "Arabic", "ja": "Japanese", "ko": "Korean", "hi": "Hindi",
}  # fmt: skip
ZONES = [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"]


class BrandForm(forms.ModelForm):
    """What a brand is called and how it looks."""

    name = forms.CharField(max_length=80, help_text="As its customers know it, like “Acme Air”.")
    slug = forms.SlugField(
        max_length=40,
        label="Short name",
        help_text="In addresses: “acme” gives care.acme and /b/acme/. Small letters, digits, dashes; it stays.",
    )
    colour = forms.CharField(
        max_length=7,
        initial="#3b5bdb",
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text="The brand's own. Where it is used for text we make it darker or lighter until it can be read.",
    )
    ink = forms.CharField(
        max_length=7,
        required=False,
        label="Text on the colour",
        widget=forms.TextInput(attrs={"placeholder": "chosen for you", "autocomplete": "off"}),
        help_text="Leave it empty and we take black or white, whichever reads better. Else a colour like #ffffff.",
    )
    zone = forms.ChoiceField(
        choices=ZONES, initial="UTC", label="Time zone", help_text="Where the brand's day begins and ends."
    )
    languages = forms.MultipleChoiceField(
        choices=list(LANGUAGES.items()),
        initial=["en"],
        widget=forms.CheckboxSelectMultiple,
        help_text="In which its customers are answered.",
    )
    reopen_hours = forms.IntegerField(
        min_value=1,
        max_value=24 * 60,
        initial=72,
        label="Reopens within (hours)",
        help_text="A customer who writes again within this time continues the conversation; later it is a new one.",
    )
    logo = forms.FileField(
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text="PNG, JPEG or WebP, up to 2 MB. It is shown small: a square mark reads best.",
    )
    logo_gone = forms.BooleanField(required=False, label="Remove the logo")

    class Meta:
        model = Brand
        fields = ("name", "slug", "colour", "ink", "zone", "languages")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["reopen_hours"].initial = int(self.instance.reopen_window.total_seconds() // 3600)
        else:
            self.fields.pop("logo_gone", None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.picture = None
        with _on_the_form(self, "logo"):
            if cleaned.get("logo"):
                # One byte more than may be: enough to know that it is too much.
                self.picture = badges.picture_from(cleaned["logo"].read(badges.LARGEST_UPLOAD + 1))
        if "colour" in cleaned and "ink" in cleaned:
            with _on_the_form(self, "ink"):
                badges.check_readable(cleaned["colour"], cleaned["ink"])
        return cleaned

    def clean_colour(self) -> str:
        return _a_colour(self.cleaned_data["colour"])

    def clean_ink(self) -> str:
        return _a_colour(self.cleaned_data["ink"]) if self.cleaned_data["ink"] else ""


class MarkForm(forms.ModelForm):
    """One thing that a brand is known by in tweets."""

    kind = forms.ChoiceField(choices=MarkKind.choices, initial=MarkKind.NAME)

    class Meta:
        model = Mark
        fields = ("kind", "text")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        text = " ".join(str(cleaned.get("text") or "").split())
        if cleaned.get("kind") == MarkKind.HASHTAG and text:
            text = "#" + text.lstrip("#").replace(" ", "")
        if cleaned.get("kind") == MarkKind.LINK:
            text = text.removeprefix("https://").removeprefix("http://").rstrip("/")
            if text and ("." not in text or " " in text):
                self.add_error("text", "Write a link like example.com or example.com/help.")
        cleaned["text"] = text
        return cleaned


class MarkFormSet(BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        seen = set()
        for kind, text in self.wanted():
            if (kind, text.casefold()) in seen:
                raise forms.ValidationError(f"“{text}” is in the list twice as a {MarkKind(kind).label}. Remove one.")
            seen.add((kind, text.casefold()))

    def wanted(self) -> list[tuple[str, str]]:
        """Kind and text of every line that is filled in and not to be removed."""
        kept = [form.cleaned_data for form in self.forms if hasattr(form, "cleaned_data") and form.cleaned_data]
        return [(each["kind"], each["text"]) for each in kept if each.get("text") and not each.get("DELETE")]


class MarkInline(HouseInline):
    model = Mark
    form = MarkForm
    formset = MarkFormSet
    verbose_name = "mark"
    verbose_name_plural = "What it is known by in tweets"
    introduction = "Names, products, hashtags, links, sign-offs: so that we hear of it, and nobody answers as another."

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("kind", "text", "pk")


class BrandAdmin(HouseAdmin):
    right = Right.SET_UP
    introduction = "The companies whose customers you answer. Each has a place of its own, its colours and its people."
    form = BrandForm
    change_form_template = "admin/brand.html"
    inlines = (MarkInline,)
    acts = ("retry", "live", "suspend", "resume", "end", "host", "host_removed")
    list_display = ("named", "state_shown", "handle_shown", "host_shown", "zone")
    search_fields = ("name", "slug")
    search_help_text = "Find a brand by its name"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("name", "slug")}),
        ("How it looks", {"fields": ("colour", "ink", "logo_shown", "logo", "logo_gone")}),
        ("When and in what language", {"fields": ("zone", "languages", "reopen_hours")}),
    )

    # --- the list ----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("agency").prefetch_related("handles", "domains")

    def named(self, brand: Brand) -> str:
        ink = brand.ink or badges.ink_on(brand.colour)
        return format_html(
            '<span class="brand-line"><span class="brand-tile" style="--brand: {}; --brand-ink: {}" aria-hidden="true">'
            "{}</span>{}</span>",
            brand.colour,
            ink,
            brand.name[:1].upper(),
            brand.name,
        )

    named.short_description = "brand"  # type: ignore[attr-defined]
    named.admin_order_field = "name"  # type: ignore[attr-defined]

    def state_shown(self, brand: Brand) -> str:
        is_ready = brand.build_state == BuildState.READY
        word = brand.get_state_display() if is_ready else brand.get_build_state_display()
        return format_html('<span class="chip" data-state="{}">{}</span>', word, word)

    state_shown.short_description = "state"  # type: ignore[attr-defined]

    def handle_shown(self, brand: Brand) -> str:
        return ", ".join(f"@{handle.username}" for handle in brand.handles.all()) or "not connected"

    handle_shown.short_description = "Twitter"  # type: ignore[attr-defined]

    def host_shown(self, brand: Brand) -> str:
        return ", ".join(domain.name for domain in brand.domains.all()) or "–"

    host_shown.short_description = "host"  # type: ignore[attr-defined]

    # --- the form ----------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return (self.fieldsets[0], ("How it looks", {"fields": ("colour", "ink", "logo")}), self.fieldsets[2])
        return ((None, {"fields": ("name", "short_name")}), *self.fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("short_name", "logo_shown") if obj else ()

    def logo_shown(self, brand: Brand) -> str:
        if not Logo.objects.filter(brand_id=brand.pk).exists():
            return "none yet: pages show its first letter on its colour"
        return format_html('<img class="brand-logo" src="/b/{}/logo/" alt="{}">', brand.slug, brand.name)

    logo_shown.short_description = "logo now"  # type: ignore[attr-defined]

    def short_name(self, brand: Brand) -> str:
        return brand.slug

    def save_model(self, request: Any, obj: Brand, form: Any, change: bool) -> None:
        values = {key: form.cleaned_data[key] for key in ("name", "colour", "ink", "zone", "languages")}
        values["reopen_window"] = timedelta(hours=form.cleaned_data["reopen_hours"])
        who = {"by": request.person, "now": timezone.now()}
        if change:
            founding.change_brand(brand=obj, **values, **who)
        else:
            slug = form.cleaned_data["slug"].lower()
            made = founding.found_brand(agency_id=request.agency.pk, slug=slug, **values, **who)
            obj.pk, obj.agency_id = made.pk, made.agency_id
            request.afterwards.append(lambda: nudge_house(tasks.build_brands))
        if form.picture or form.cleaned_data.get("logo_gone"):
            founding.set_logo(brand=obj, picture=form.picture, **who)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            founding.set_marks(brand=form.instance, marks=formset.wanted(), by=request.person, now=timezone.now())

    def construct_change_message(self, request: Any, form: Any, formsets: Any, add: bool = False) -> Any:
        return []  # nobody keeps it

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        brand = kwargs.get("obj")
        if brand is not None:
            context |= self._panel(brand)
        return super().render_change_form(request, context, *args, **kwargs)

    def _panel(self, brand: Brand) -> dict[str, Any]:
        """What stands above the form: how far the brand is, and what can be done with it."""
        saved = Brand.objects.prefetch_related("handles").get(pk=brand.pk)
        ending = Offboarding.objects.filter(brand_key=brand.pk, withdrawn_at=None).order_by("-pk").first()
        steps = founding.checklist(saved)
        places = {
            "twitter": ("Connect Twitter", f"/b/{brand.slug}/settings/twitter/"),
            "people": ("Invite people", "/admin/accounts/invitation/add/"),
            "host": ("Add a host name", "#hosts"),
        }
        return {
            "brand": saved,
            "build": BuildState,
            "states": BrandState,
            "steps": [(step, *places.get(step.key, ("", ""))) for step in steps],
            "may_go_live": all(step.is_done for step in steps),
            "hosts": [
                (domain, badges.address(domain.name))
                for domain in Domain.objects.filter(brand_id=brand.pk).order_by("pk")
            ],
            "ending_url": reverse("admin:tenants_offboarding_change", args=[ending.pk]) if ending else "",
            "acts": {act: self.address_of(brand, act) for act in self.acts},
        }

    # --- acts --------------------------------------------------------------------------------------------------------

    def retry(self, request: Any, brand: Brand) -> None:
        founding.retry_brand(brand=brand)
        nudge_house(tasks.build_brands)

    def live(self, request: Any, brand: Brand) -> None:
        founding.set_live(brand=brand, by=request.person, now=timezone.now())
        messages.success(request, f"{brand} is live: approved replies are posted from now on.")

    def suspend(self, request: Any, brand: Brand) -> None:
        founding.suspend(brand=brand, by=request.person, now=timezone.now())
        messages.success(request, f"{brand} is suspended: it goes on receiving, and posts nothing.")

    def resume(self, request: Any, brand: Brand) -> None:
        founding.resume(brand=brand, by=request.person, now=timezone.now())
        messages.success(request, f"{brand} is live again.")

    def end(self, request: Any, brand: Brand) -> HttpResponse:
        offboarding = endings.ask(brand=brand, by=request.person, now=timezone.now())
        nudge_house(tasks.end_brands)
        return HttpResponseRedirect(reverse("admin:tenants_offboarding_change", args=[offboarding.pk]))

    def host(self, request: Any, brand: Brand) -> None:
        name = request.POST.get("name", "")
        domain = founding.add_host(brand=brand, name=name, by=request.person, now=timezone.now())
        messages.success(request, f"{domain.name} leads to {brand} from now on, once its DNS points here.")

    def host_removed(self, request: Any, brand: Brand) -> None:
        wanted = request.POST.get("domain", "")
        domain_id = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
        founding.remove_host(brand=brand, domain_id=domain_id, by=request.person, now=timezone.now())


class _on_the_form:  # noqa: N801, reads as the words of a sentence
    """A refusal of the domain, said at this field of a form."""

    def __init__(self, form: forms.BaseForm, field: str) -> None:
        self.form, self.field = form, field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if isinstance(error, Refusal):
            self.form.add_error(self.field, str(error))
            return True
        return False


def _a_colour(text: str) -> str:
    wanted = text.strip().lower()
    if len(wanted) != 7 or wanted[0] != "#" or set(wanted[1:]) - set("0123456789abcdef"):
        raise forms.ValidationError("A colour is written like #0b6e4f.")
    return wanted
