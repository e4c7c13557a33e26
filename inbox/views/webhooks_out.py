"""A brand's webhooks: made, changed, paused, tried out, and the log of what they were told. Runs inside the brand."""

from collections.abc import Callable, Iterable
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from inbox import queries, tasks
from inbox.domain import webhooks as domain
from inbox.enums import WEBHOOK_TYPES, EventKind
from inbox.forms import WebhookForm
from inbox.models import Delivery, Webhook
from inbox.views import paging
from tenants.nudge import nudge
from tenants.refusals import NotNow, Refusal

_CHOSEN_AT_FIRST = [EventKind.MESSAGE_ARRIVED, EventKind.REPLY_POSTED, EventKind.CLOSED]
# What a webhook was told, in words: a test is no event.
_TEST = "webhook.test"


@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: Any) -> HttpResponse:
    """All webhooks of the brand, and a form to make one. The answer to that form shows the secret, this once."""
    if request.method != "POST":
        return _list(request)
    form = WebhookForm(request.POST)
    try:
        values = _values(form)
        made, secret = domain.make(**values, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _list(request, refusal=refusal, typed=form)
    return _draw(request, made, secret=secret)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: Any, pk: int) -> HttpResponse:
    """One webhook: its health, its form, its log."""
    found = _get(pk)
    if request.method != "POST":
        return _draw(request, found)
    form = WebhookForm(request.POST)
    try:
        domain.change(webhook=found, **_values(form), by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal, typed=form)
    return _back(request, found)


@require_POST
def webhook_pause(request: Any, pk: int) -> HttpResponse:
    """Pause a webhook, or resume it (`resume` in the form): where it stopped, or with what comes (`skip`)."""

    def act(found: Webhook, **who: Any) -> object:
        if "resume" in request.POST:
            return domain.resume(webhook=found, is_skipping=request.POST.get("skip") == "yes", **who)
        return domain.pause(webhook=found, **who)

    return _acted(request, _get(pk), act)


@require_POST
def webhook_removal(request: Any, pk: int) -> HttpResponse:
    """Remove a webhook with its log."""
    found = _get(pk)
    try:
        domain.remove(webhook=found, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal)
    return HttpResponseRedirect(_root(request))


@require_POST
def webhook_secret(request: Any, pk: int) -> HttpResponse:
    """Roll the secret. The answer shows the new one, this once."""
    found, is_leaked = _get(pk), request.POST.get("leaked") == "yes"
    try:
        secret = domain.roll(
            webhook=found, is_leaked=is_leaked, by=request.person, role=request.role, now=timezone.now()
        )
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal)
    return _draw(request, _get(pk), secret=secret)


@require_POST
def webhook_test(request: Any, pk: int) -> HttpResponse:
    """Send a test; what comes of it is in the log."""
    return _acted(request, _get(pk), lambda found, **who: domain.send_test(webhook=found, **who))


@require_POST
def webhook_replay(request: Any, pk: int) -> HttpResponse:
    """Send everything again that failed."""
    return _acted(request, _get(pk), lambda found, **who: domain.replay_failed(webhook=found, **who))


@require_POST
def webhook_delivery(request: Any, pk: int) -> HttpResponse:
    """Send one delivery again."""
    delivery = Delivery.objects.select_related("webhook").filter(pk=pk).first() if pk < 2**63 else None
    if delivery is None:
        raise Http404("There is no such delivery in this brand.")
    return _acted(request, delivery.webhook, lambda found, **who: domain.replay(delivery=delivery, **who))


def _acted(request: Any, found: Webhook, act: Callable[..., object]) -> HttpResponse:
    try:
        act(found, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal)
    nudge(tasks.tell_webhooks)
    return _back(request, found)


def _list(request: Any, *, refusal: Refusal | None = None, typed: WebhookForm | None = None) -> HttpResponse:
    root = _root(request)
    context = {
        "tab": "webhooks",
        "root": root,
        "webhooks": [{"webhook": each, "url": f"{root}{each.pk}/"} for each in queries.webhooks()],
        "form": _form(typed, name="", url="", kinds=_CHOSEN_AT_FIRST),
    }
    return _rendered(request, "inbox/settings_webhooks.html", context, refusal)


def _draw(
    request: Any,
    found: Webhook,
    *,
    secret: str = "",
    refusal: Refusal | None = None,
    typed: WebhookForm | None = None,
) -> HttpResponse:
    cursor = paging.read_cursor(request.GET.get("after", ""))
    page = list(queries.deliveries_of(found, before=cursor[1] if cursor else None)[: queries.PAGE + 1])
    more, page = len(page) > queries.PAGE, page[: queries.PAGE]
    context = {
        "tab": "webhooks",
        "root": _root(request),
        "webhook": found,
        "url": f"{_root(request)}{found.pk}/",
        "secret": secret,
        "two_secrets": bool(found.old_secret_until and found.old_secret_until > timezone.now()),
        "form": _form(typed, name=found.name, url=found.url, kinds=found.kinds),
        "deliveries": _cards(page),
        "has_failed": any(each.given_up_at or (each.due_at and each.attempts) for each in page),
        "next_cursor": paging.cursor_of(None, page[-1].pk) if more else None,
    }
    return _rendered(request, "inbox/settings_webhook.html", context, refusal)


def _rendered(request: Any, template: str, context: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    return render(request, template, context, status=refusal.status if refusal else 200)


def _values(form: WebhookForm) -> dict[str, Any]:
    if not form.is_valid():
        raise NotNow(form.sentence())
    return {name: form.cleaned_data[name] for name in ("url", "name", "kinds")}


def _form(typed: WebhookForm | None, *, name: str, url: str, kinds: Iterable[str]) -> dict[str, Any]:
    """The form as it is drawn: with what was typed, where that was refused."""
    if typed is not None:
        name, url = typed.data.get("name", ""), typed.data.get("url", "")
        kinds = typed.data.getlist("kinds")  # type: ignore[attr-defined]
    chosen, groups = set(kinds), dict[str, list[dict[str, Any]]]()
    for kind, type_name in WEBHOOK_TYPES.items():
        line = {"kind": kind.value, "words": kind.label, "type": type_name, "is_chosen": kind in chosen}
        groups.setdefault(type_name.partition(".")[0], []).append(line)
    return {"name": name, "url": url, "groups": list(groups.items())}


def _cards(page: list[Delivery]) -> list[dict[str, Any]]:
    kinds = queries.kinds_of_events([each.event_seq for each in page if each.event_seq > 0])
    return [
        {
            "delivery": each,
            "type": _type_of(kinds.get(each.event_seq, "")) if each.event_seq > 0 else _TEST,
            "number": each.event_seq if each.event_seq > 0 else None,
            "state": _state_of(each),
        }
        for each in page
    ]


def _type_of(kind: str) -> str:
    return WEBHOOK_TYPES[EventKind(kind)] if kind else ""


def _state_of(delivery: Delivery) -> str:
    if delivery.delivered_at:
        return "delivered"
    return "given_up" if delivery.given_up_at else "waiting" if delivery.attempts else "new"


def _back(request: Any, found: Webhook) -> HttpResponse:
    return HttpResponseRedirect(f"{_root(request)}{found.pk}/")


def _root(request: Any) -> str:
    return f"{request.badge.url}settings/webhooks/"


def _get(pk: int) -> Webhook:
    found = queries.webhook_with(pk) if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such webhook in this brand.")
    return found
