"""What a brand has decided about its replies: whose need a second person, for how long one can be taken back; and in
which ways its conversations end."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.text import slugify

from accounts.domain import audit
from accounts.enums import AuditKind, Right, Role, may
from accounts.models import User
from inbox import policies
from inbox.models import ApprovalRule, Disposition
from tenants import entry
from tenants.models import Brand
from tenants.refusals import NotNow

LONGEST_UNDO = 60
MOST_DISPOSITIONS = 30


def current() -> ApprovalRule:
    """The rule of the brand that we stand in."""
    return ApprovalRule.objects.get(pk=1)


def needs_approval(rule: ApprovalRule, role: str) -> bool:
    """Whether what somebody of this role writes needs a second person. A trainee's always does."""
    if role == Role.AGENT:
        return rule.agents_need_approval
    if role in (Role.SUPERVISOR, Role.ADMIN):
        return rule.supervisors_need_approval
    return not may(role, Right.POST)


def state_of_brand() -> str:
    """The state of the brand that we stand in, read now: it may have been suspended since the page was drawn."""
    return str(Brand.objects.values_list("state", flat=True).get(pk=entry.current_brand_id()))


def undo_until(rule: ApprovalRule, now: datetime) -> datetime | None:
    """Until when a reply that is approved now can be taken back."""
    return now + timedelta(seconds=rule.undo_seconds) if rule.undo_seconds else None


@transaction.atomic
def change(
    *,
    agents_need_approval: bool,
    supervisors_need_approval: bool,
    clients_approve: bool,
    undo_seconds: int,
    by: User,
    role: str,
    now: datetime,
) -> ApprovalRule:
    """Change the rule. It holds for what is sent from now on."""
    policies.check_can_set_up(role)
    if not 0 <= undo_seconds <= LONGEST_UNDO:
        raise NotNow(f"A reply can be held back for 0 to {LONGEST_UNDO} seconds.")
    wanted = {
        "agents_need_approval": agents_need_approval,
        "supervisors_need_approval": supervisors_need_approval,
        "clients_approve": clients_approve,
        "undo_seconds": undo_seconds,
    }
    rule = ApprovalRule.objects.select_for_update().get(pk=1)
    changed = {name: value for name, value in wanted.items() if getattr(rule, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(rule, name, value)
        rule.save(update_fields=list(changed))
        audit.record_here(AuditKind.RULE_CHANGED, now=now, by_id=by.pk, facts=changed)
    return rule


@transaction.atomic
def add_disposition(*, name: str, resolves: bool, role: str) -> Disposition:
    """Add a way in which conversations end, at the end of the list; one that was retired comes back by its name."""
    policies.check_can_guide(role)
    name = _named(name)
    everything = _locked()
    retired = next((each for each in everything if each.name.lower() == name.lower() and each.retired_at), None)
    if retired:
        retired.retired_at, retired.resolves = None, resolves
        retired.save(update_fields=["retired_at", "resolves"])
        return retired
    _check_free(name, everything)
    if len(everything) >= MOST_DISPOSITIONS:
        raise NotNow(f"{MOST_DISPOSITIONS} dispositions are the most that a brand has. Rename one instead.")
    last = max((each.position for each in everything), default=0)
    return Disposition.objects.create(
        key=_key_for(name, {each.key for each in everything}), name=name, resolves=resolves, position=last + 1
    )


@transaction.atomic
def change_disposition(*, key: str, name: str, resolves: bool, role: str) -> Disposition:
    """Rename a disposition, or say whether it resolves. Conversations that ended so carry the new name."""
    policies.check_can_guide(role)
    name, everything = _named(name), _locked()
    found = _the(key, everything)
    _check_free(name, [each for each in everything if each.key != key])
    found.name, found.resolves = name, resolves
    found.save(update_fields=["name", "resolves"])
    return found


@transaction.atomic
def retire_disposition(*, key: str, role: str, now: datetime) -> Disposition:
    """Offer a disposition no more. Old conversations keep it; one at least must be left."""
    policies.check_can_guide(role)
    everything = _locked()
    found = _the(key, everything)
    if not [each for each in everything if each.retired_at is None and each.key != key]:
        raise NotNow("One disposition must be left. Add another one first.")
    found.retired_at = found.retired_at or now
    found.save(update_fields=["retired_at"])
    return found


def check_disposition(key: str) -> str:
    """The key, if conversations may end so in this brand."""
    if not Disposition.objects.filter(key=key, retired_at=None).exists():
        raise NotNow("Say how it ended, from the list.")
    return key


def _locked() -> list[Disposition]:
    """Every disposition; whoever else changes them waits, for an empty name is not locked by any row."""
    ApprovalRule.objects.select_for_update().get(pk=1)
    return list(Disposition.objects.order_by("position", "pk"))


def _the(key: str, everything: list[Disposition]) -> Disposition:
    found = next((each for each in everything if each.key == key), None)
    if found is None:
        raise NotNow("There is no such disposition. Open the page again.")
    return found


def _check_free(name: str, others: list[Disposition]) -> None:
    if any(each.name.lower() == name.lower() for each in others):
        raise NotNow(f"There is a disposition called “{name}” already.")


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise NotNow("A disposition needs a name.")
    if len(name) > 60:
        raise NotNow("A disposition's name has 60 characters at most.")
    return name


def _key_for(name: str, taken: set[str]) -> str:
    begun = slugify(name)[:14].strip("-_") or "disposition"
    return next(
        key for number in range(1, 1_000) if (key := begun if number == 1 else f"{begun}-{number}") not in taken
    )
