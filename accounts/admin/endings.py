"""How a brand ends, step by step, and the certificate that remains."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.html import format_html

from accounts import tasks
from accounts.admin.base import HouseAdmin
from accounts.domain import endings
from accounts.enums import Right
from accounts.models import User
from tenants.models import Offboarding
from tenants.nudge import nudge_house


class OffboardingAdmin(HouseAdmin):
    right = Right.SET_UP
    introduction = "Brands that leave: exported first, erased when somebody confirms it, certified for ever."
    can_be_added = False
    can_be_changed = False
    change_form_template = "admin/ending.html"
    acts = ("export", "confirm", "withdraw", "certificate")
    list_display = ("brand_name", "step_shown", "asked_at", "erased_at")
    search_fields = ("brand_name",)
    search_help_text = "Find a brand by its name"
    ordering = ("-asked_at", "-pk")
    fields = ()

    def step_shown(self, row: Offboarding) -> str:
        word = _step(row)
        return format_html('<span class="chip" data-state="{}">{}</span>', word, word)

    step_shown.short_description = "step"  # type: ignore[attr-defined]

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": ()})

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        row = kwargs["obj"]
        people = [row.asked_by_id, row.confirmed_by_id, row.withdrawn_by_id]
        names = dict(User.objects.filter(pk__in=[pk for pk in people if pk]).values_list("pk", "name"))
        context |= {
            "row": row,
            "step": _step(row),
            "is_going_on": _step(row) in ("being exported", "being erased"),
            "names": {
                "asked": names.get(row.asked_by_id, "somebody who left"),
                "confirmed": names.get(row.confirmed_by_id, "somebody who left"),
                "withdrawn": names.get(row.withdrawn_by_id, "somebody who left"),
            },
            "erased_rows": sorted((row.erased or {}).get("rows", {}).items()),
            "acts": {act: self.address_of(row, act) for act in self.acts},
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def export(self, request: Any, row: Offboarding) -> Any:
        path = endings.fetch(offboarding=row, by=request.person, now=timezone.now())
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/zip")

    def confirm(self, request: Any, row: Offboarding) -> None:
        typed = request.POST.get("typed", "")
        endings.confirm(offboarding=row, typed=typed, by=request.person, now=timezone.now())
        nudge_house(tasks.end_brands)

    def withdraw(self, request: Any, row: Offboarding) -> None:
        endings.withdraw(offboarding=row, by=request.person, now=timezone.now())
        messages.success(request, f"{row.brand_name} stays. It posts nothing until it is set going again.")

    def certificate(self, request: HttpRequest, row: Offboarding) -> HttpResponse:
        """The certificate as a file, to be kept."""
        said = {**endings.certificate_of(row), "certificate": row.certificate}
        answer = JsonResponse(said, json_dumps_params={"indent": 2})
        answer.headers["Content-Disposition"] = f'attachment; filename="erased-{row.brand_slug}-{row.pk}.json"'
        return answer


def _step(row: Offboarding) -> str:
    if row.erased_at:
        return "erased"
    if row.withdrawn_at:
        return "withdrawn"
    if row.confirmed_at:
        return "being erased"
    return "exported" if row.exported_at else "being exported"
