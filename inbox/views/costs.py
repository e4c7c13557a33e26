"""What Twitter costs and allows, on a brand's settings pages and over an agency's brands."""

from datetime import date
from typing import Any

from django.conf import settings as installed
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import queries as people
from accounts.enums import Right, may
from inbox import queries
from inbox.domain import budgets, costs, ledger
from inbox.models import ChannelSettings, PolicyLine
from inbox.twitter import terms
from inbox.views import paging
from tenants import entry
from tenants.models import Brand, Handle
from tenants.refusals import NotNow, Refusal

_PAGE = 50
_ABOUT = {
    "answering": "May a message be answered here?",
    "everything": "Every reply",
    "automatic": "What may be sent automatically",
}


@require_GET
def costs_page(request: Any) -> HttpResponse:
    """The month to date by kind, what it will come to, the budget, and how the limits stand."""
    return _draw_costs(request)


@require_POST
def budget(request: Any) -> HttpResponse:
    """Set what a month may cost."""
    typed = request.POST.get("dollars", "")[:20]
    try:
        costs.set_budget(dollars=typed, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw_costs(request, refusal=refusal, typed=typed)
    return HttpResponseRedirect(f"{request.badge.url}settings/costs/")


@require_GET
def policy(request: Any) -> HttpResponse:
    """What X allows, rule by rule; and the brand's ledger: which act was allowed or refused by which."""
    return _draw_policy(request)


@require_POST
def automation(request: Any) -> HttpResponse:
    """Say where the privacy policy is, and that the account is labelled in X."""
    try:
        ledger.set_automation(
            privacy_url=request.POST.get("privacy_url", "")[:400],
            is_labelled="is_labelled" in request.POST,
            by=request.person,
            role=request.role,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return _draw_policy(request, refusal=refusal)
    return HttpResponseRedirect(f"{request.badge.url}settings/policy/")


@require_GET
def agency_costs(request: Any) -> HttpResponse:
    """What each brand costs that this person guides: the month to date, the forecast, the budget."""
    now = timezone.now()
    badges = {each.pk: each for each in request.badges}
    guided = [pk for pk in badges if may(people.role_in(request.memberships, brand_id=pk), Right.GUIDE)]
    brands = list(Brand.objects.filter(pk__in=guided).order_by("name", "pk"))
    months = {brand.pk: entry.in_brand(brand, costs.month, now) for brand in brands}
    lines = [
        {"brand": badges[pk], **_month(found), "url": f"{badges[pk].url}settings/costs/"}
        for pk, found in months.items()
    ]
    lines.sort(key=lambda line: -line["micros"])
    total = sum(found.total for found in months.values())
    context = {
        "lines": lines,
        "total": dollars(total),
        "forecast": dollars(sum(found.forecast for found in months.values())),
        "first": now.date().replace(day=1),
        **_table_of_prices(),
    }
    return render(request, "inbox/agency_costs.html", context)


def dollars(micros: int) -> str:
    """Millionths of a dollar as one reads them: cents, and tenths of one where it is less than ten dollars."""
    return f"${micros / 1_000_000:,.3f}" if micros < 10_000_000 else f"${micros / 1_000_000:,.2f}"


def _draw_costs(request: Any, *, refusal: Refusal | None = None, typed: str | None = None) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    now = timezone.now()
    month, shared = costs.month(now), budgets.shared_privates(now)
    stopped = queries.credits_gone()
    names = {pk: f"@{username}" for pk, username in Handle.objects.values_list("pk", "username")}
    context = {
        "tab": "costs",
        "root": f"{request.badge.url}settings/costs/",
        "may_set_up": may(request.role, Right.SET_UP),
        "month": _month(month),
        "first": month.first,
        "lines": [
            {"name": terms.PRICE_NAMES.get(kind, kind), "count": count, "cost": dollars(cost), "each": _each(kind)}
            for kind, count, cost in month.lines
        ],
        "typed": typed if typed is not None else _as_typed(month.budget),
        "shared": shared,
        "shared_part": _part(shared.used, shared.cap),
        "kept": round(terms.KEPT_FOR_PEOPLE * 100),
        "limits": [_limit(row, names) for row in budgets.allowances(now)],
        "limits_read_on": terms.LIMITS_READ_ON,
        "limits_source": terms.LIMITS_SOURCE,
        "stopped": stopped,
        **_table_of_prices(),
    }
    return render(request, "inbox/settings_costs.html", context, status=refusal.status if refusal else 200)


def _month(month: costs.Month) -> dict[str, Any]:
    return {
        "micros": month.total,
        "total": dollars(month.total),
        "forecast": dollars(month.forecast),
        "budget": dollars(month.budget) if month.budget is not None else "",
        "level": month.level,
        "part": _part(month.total, month.budget) if month.budget else 0,
    }


def _limit(row: Any, names: dict[int, str]) -> dict[str, Any]:
    known = terms.LIMITS.get(row.endpoint)
    return {
        "what": known.name if known else row.endpoint,
        "whose": names.get(row.handle_id, ""),
        "used": row.used,
        "cap": row.cap,
        "part": _part(row.used, row.cap),
        "resets_at": row.resets_at,
        "is_used_up": row.used >= row.cap,
    }


def _table_of_prices() -> dict[str, Any]:
    return {
        "prices_since": terms.PRICES_SINCE,
        "prices_read_on": terms.PRICES_READ_ON,
        "prices_source": terms.PRICES_SOURCE,
    }


def _part(used: int, cap: int | None) -> str:
    """A share of 0 to 1, as a drawing takes it."""
    return f"{min(1.0, used / cap):.4f}" if cap else "0"


def _each(kind: str) -> str:
    return dollars(terms.PRICES[kind]) if kind in terms.PRICES else ""


def _as_typed(micros: int | None) -> str:
    return "" if micros is None else f"{micros / 1_000_000:.2f}".removesuffix(".00")


def _draw_policy(request: Any, *, refusal: Refusal | None = None) -> HttpResponse:
    try:
        after, chosen = paging.read_cursor(request.GET.get("after", "")), _chosen(request)
    except NotNow as wrong:
        after, chosen, refusal = None, {}, refusal or wrong
    request.refusal = str(refusal) if refusal else None
    rows = queries.policy_lines(**chosen, after=after, limit=_PAGE + 1)
    shown, more = rows[:_PAGE], len(rows) > _PAGE
    root = f"{request.badge.url}settings/policy/"
    asked = "".join(f"&{name}={request.GET[name]}" for name, column in _COLUMN.items() if column in chosen)
    last = shown[-1] if shown else None
    context = {
        "tab": "policy",
        "root": root,
        "may_set_up": may(request.role, Right.SET_UP),
        "channel": ChannelSettings.objects.get(pk=1),
        "is_enterprise": installed.TWITTER_PLAN == "enterprise",
        "implicit_counts": installed.TWITTER_IMPLICIT_MENTIONS_COUNT,
        "abouts": [
            (title, [rule for rule in terms.RULES.values() if rule.about == about]) for about, title in _ABOUT.items()
        ],
        "same_text_to": terms.SAME_TEXT_TO,
        "same_text_within": terms.SAME_TEXT_WITHIN_HOURS,
        "lines": [_line(each, request.badge.url) for each in shown],
        "chosen": {name: request.GET.get(name, "") for name in _COLUMN},
        "rules": list(terms.RULES.values()),
        "next_url": f"{root}?after={paging.cursor_of(last.at, last.pk)}{asked}#ledger-title" if more and last else None,
    }
    return render(request, "inbox/settings_policy.html", context, status=refusal.status if refusal else 200)


_COLUMN = {"rule": "rule", "who": "is_automatic", "answer": "is_allowed"}
_ANSWERS = {"who": {"automatic": True, "person": False}, "answer": {"allowed": True, "refused": False}}


def _chosen(request: Any) -> dict[str, Any]:
    """What the list is narrowed to; raises `NotNow` for what cannot be chosen."""
    chosen: dict[str, Any] = {}
    for name, column in _COLUMN.items():
        said = request.GET.get(name, "")
        if not said:
            continue
        known = _ANSWERS.get(name, {key: key for key in terms.RULES})
        if said not in known:
            raise NotNow("Part of this address is not understood. Choose again.")
        chosen[column] = known[said]
    return chosen


def _line(row: PolicyLine, root: str) -> dict[str, Any]:
    rule = terms.RULES.get(row.rule)
    since: date | None = rule.date if rule else None
    return {
        "at": row.at,
        "act": _ACTS.get(row.act, row.act),
        "who": "automatic" if row.is_automatic else "a person",
        "is_allowed": row.is_allowed,
        "sentence": rule.sentence if rule else row.rule,
        "date": since,
        "url": f"{root}conversations/{row.conversation_id}/" if row.conversation_id else None,
    }


_ACTS = {
    "reply": "Reply",
    "by_hand": "Handed over to X",
    "invite": "Invited to direct messages",
    "outcome": "Outcome told in public",
}
