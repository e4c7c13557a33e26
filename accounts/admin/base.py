"""What every page of the admin has in common: whose it is, how it refuses, and that the domain does the work."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from accounts.enums import Right, may
from tenants.refusals import NotYours, Refusal

# What a model's rows are called on its pages, one and many, where Django would guess wrongly.
_CALLED = {
    "agency": ("agency", "agencies"),
    "appstate": ("state at Twitter", "states at Twitter"),
    "membership": ("person", "people"),
    "offboarding": ("ending", "endings"),
    "user": ("operator", "operators"),
}


class HouseAdmin(admin.ModelAdmin):
    """A list and a form in Nightjar's own look. `save_model` calls the domain; its refusals are shown on the form.

    Nothing is deleted from here and Django keeps no log of it: what matters is in our audit. A subclass says its
    `right`, whether rows `can_be_added` and `can_be_changed`, and its `acts`: methods for one row, by POST.
    """

    right: Right = Right.SET_UP
    can_be_added = True
    can_be_changed = True
    introduction = ""
    acts: tuple[str, ...] = ()

    actions = None
    view_on_site = False
    list_per_page = 50
    show_full_result_count = False

    # --- who may -----------------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_allowed(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_be_added and self._is_allowed(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_be_changed and self._is_allowed(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Lists are searched by what a page offers: an address asks nothing of columns, hashes among them."""
        return False

    def _is_allowed(self, request: Any) -> bool:
        if request.host_kind == "operators":
            return bool(request.person and request.person.is_operator)
        return may(request.role, self.right)

    @property
    def called(self) -> tuple[str, str]:
        """What one row is called, and what many are."""
        guessed = (str(self.opts.verbose_name), str(self.opts.verbose_name_plural))
        return _CALLED.get(str(self.opts.model_name), guessed)

    # --- its addresses -----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """The list, the form for a new row, the form of a row, and the acts; none of Django's others."""
        wrap = self.admin_site.admin_view
        name = self.name_of
        pages = [
            path("", wrap(self.changelist_view), name=name("changelist")),
            path("add/", wrap(self.add_view), name=name("add")),
            path("<int:pk>/", wrap(self._change_page), name=name("change")),
        ]
        return pages + [
            path(f"<int:pk>/{act.replace('_', '-')}/", wrap(self._act_page(act)), name=name(act)) for act in self.acts
        ]

    def name_of(self, page: str) -> str:
        """The name of one of this model's addresses, without the admin's own part."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def address_of(self, row: Any, page: str = "change") -> str:
        """Where this row's form is, or one of its acts."""
        return reverse(f"admin:{self.name_of(page)}", args=[row.pk])

    def _change_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.change_view(request, str(pk))

    def _act_page(self, act: str) -> Callable[..., HttpResponse]:
        """An act on one row: done, or refused in words on the row's form; then back to that form."""

        @require_POST
        def page(request: HttpRequest, pk: int) -> HttpResponse:
            row = self.get_object(request, str(pk))
            if row is None:
                raise NotYours("There is nothing of yours at this address.")
            try:
                answer: HttpResponse | None = getattr(self, act)(request, row)
            except Refusal as refusal:
                messages.error(request, str(refusal))
                answer = None
            return answer or HttpResponseRedirect(self.address_of(row))

        return page

    # --- forms -------------------------------------------------------------------------------------------------------

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # no windows that pop up to add what is pointed to
        return field

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refused", None)
        return type(form.__name__, (_Refused, form), {"refusal": refusal}) if refusal else form

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what the domain refuses is said on it, over what was typed. What must follow a change, follows."""
        request.afterwards = []
        try:
            response = super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            request.refused, request.afterwards = str(refusal), []
            response = super().changeform_view(request, object_id, form_url, extra_context)
            response.status_code = 409
        for follow in request.afterwards:
            follow()
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError(f"{type(self).__name__} must call the domain.")

    def render_change_form(
        self,
        request: Any,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """As Django's own, without its look-up of what kind of content a row is."""
        inlines = context["inline_admin_formsets"]
        context |= {
            "add": add,
            "change": change,
            "may_save": self.has_add_permission(request) if add else self.has_change_permission(request, obj),
            "has_file_field": context["adminform"].form.is_multipart()
            or any(each.formset.is_multipart() for each in inlines),
            "form_url": form_url,
            "opts": self.opts,
            "list_url": reverse(f"admin:{self.name_of('changelist')}"),
            "called": self.called,
            "row_acts": [(act.replace("_", " ").capitalize(), self.address_of(obj, act)) for act in self.acts]
            if change
            else [],
        }
        request.current_app = self.admin_site.name
        template = self.change_form_template or "admin/change_form.html"
        return TemplateResponse(request, template, context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        more = {
            "introduction": self.introduction,
            "called": self.called,
            "add_url": reverse(f"admin:{self.name_of('add')}"),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._saved(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._saved(request, obj)

    def _saved(self, request: HttpRequest, obj: Any) -> HttpResponse:
        messages.success(request, f"{obj} is saved.")
        return HttpResponseRedirect(self.address_of(obj))

    # --- Django's own log --------------------------------------------------------------------------------------------

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Kept nowhere: the domain wrote it into our audit."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Kept nowhere: the domain wrote it into our audit."""


class _Refused(Form):
    """A form that was right in itself, and which the domain refused."""

    refusal: str

    def clean(self) -> Any:
        super().clean()
        raise ValidationError(self.refusal)


class HouseSite(admin.AdminSite):
    """One of the two admins. Who comes to its pages is decided at the door, before any of them runs."""

    site_header = site_title = "Nightjar"
    enable_nav_sidebar = False
    final_catch_all_view = False
    heading = ""
    introduction = ""

    def has_permission(self, request: Any) -> bool:
        return request.person is not None

    def get_urls(self) -> list[Any]:
        """The front page and the models' own; whoever has no session logs in where everybody does."""
        pages = [
            path("", self.admin_view(self.index), name="index"),
            path("login/", self._to_our_own, name="login"),
            path("logout/", self._to_our_own, name="logout"),
        ]
        return pages + [
            path(f"{model._meta.app_label}/{model._meta.model_name}/", (model_admin.get_urls(), None, None))
            for model, model_admin in self._registry.items()
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """What can be set up here, each with a word on what it is for."""
        parts = [
            {
                "name": model_admin.called[1],
                "about": model_admin.introduction,
                "url": reverse(f"admin:{model_admin.name_of('changelist')}"),
                "add_url": reverse(f"admin:{model_admin.name_of('add')}")
                if model_admin.has_add_permission(request)
                else "",
            }
            for model_admin in self._registry.values()
            if isinstance(model_admin, HouseAdmin) and model_admin.has_module_permission(request)
        ]
        more = {"parts": parts, "title": self.heading, "introduction": self.introduction}
        return TemplateResponse(request, "admin/index.html", {**self.each_context(request), **more})

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_admin_page": True}

    def _to_our_own(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect("/login/" if request.path.endswith("/login/") else "/")


class HouseInline(admin.TabularInline):
    """Rows that belong to the row of a form, in a table under it; the form's own admin decides who may."""

    extra = 3

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True
