"""Questions about a brand's playbook and canned responses. Asked inside the brand; they change nothing."""

from django.db.models import QuerySet
from django.db.models.functions import Lower

from playbooks.enums import Step
from playbooks.models import CannedResponse, Guidance


def canned_responses(*, language: str = "") -> QuerySet[CannedResponse]:
    """The canned responses in use, by name; those of one language, or all."""
    found = CannedResponse.objects.filter(retired_at=None)
    return (found.filter(language=language) if language else found).order_by(Lower("name"), "language", "pk")


def canned_response_with(pk: int) -> CannedResponse | None:
    """One canned response that is in use."""
    return CannedResponse.objects.filter(pk=pk, retired_at=None).first()


def guidance() -> dict[str, Guidance]:
    """The default playbook's guidance, by step, in the order of the steps."""
    rows = {row.step: row for row in Guidance.objects.filter(playbook__topic="", playbook__retired_at=None)}
    return {step: rows[step] for step in Step.values if step in rows}
