"""A handle's keys to Twitter: sealed when they come, renewed before they end, opened only for the gateway.

Twitter's refresh tokens work once. So a renewal happens under the lock of its row, the new pair is committed before
anybody uses it, and a renewal whose answer was lost is never repeated: the handle must be connected again, and says so.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain import audit
from accounts.enums import AuditKind
from inbox.domain import costs, outages
from inbox.models import Credential
from inbox.twitter import oauth
from inbox.twitter.client import Credentials, Twitter, TwitterApp, is_access_token
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.oauth import App, Granted
from tenants import entry, sealing
from tenants.refusals import NotNow

# A refusal of a token that is younger than this is not the token's fault: another one would fare no better.
_FRESH = timedelta(minutes=10)
_NOT_CONNECTED = timedelta(minutes=5)
_CANNOT_BE_OPENED = "The key to this handle cannot be opened here. Connect the handle again."
# Renewed by itself, or given by hand and without an end: a refusal of these may pass.
_LIVING = Q(expires_at=None) | Q(sealed_refresh_token__isnull=False)

Made = TypeVar("Made")


@transaction.atomic
def store(*, handle_id: int, username: str, access_token: str, now: datetime) -> Credential:
    """Keep an access token that was given by hand, sealed for its place; it does not end by itself."""
    if not is_access_token(access_token):
        raise NotNow("This is not an access token: Twitter's have no spaces, line breaks or letters with marks.")
    credential, _ = Credential.objects.update_or_create(
        handle_id=handle_id,
        defaults={
            "username": username,
            "sealed_access_token": _sealed(handle_id, "sealed_access_token", access_token),
            "sealed_refresh_token": None,
            "expires_at": None,
            "refreshed_at": None,
            "refused_at": None,
            "refused_why": "",
        },
    )
    audit.record_here(AuditKind.CREDENTIALS_STORED, now=now, facts={"handle": str(handle_id)})
    return credential


@transaction.atomic
def store_granted(*, handle_id: int, username: str, granted: Granted, by_id: int, now: datetime) -> Credential:
    """Keep the pair that a person's yes at Twitter brought; whatever was refused before is forgotten."""
    credential = Credential.objects.select_for_update().filter(pk=handle_id).first() or Credential(handle_id=handle_id)
    credential.username, credential.connected_at, credential.connected_by_id = username, now, by_id
    _take(credential, granted, now=now)
    credential.save()
    return credential


def opened(handle_id: int, *, clock: Callable[[], datetime] = timezone.now) -> Credentials:
    """The credentials of one of the brand's handles, fresh; raises `NotNow` where the handle is not connected.

    A token that is due is renewed first, and the new one committed. One that was sealed for another place, or with
    another key, counts as none.
    """
    credential = Credential.objects.filter(pk=handle_id).first()
    if credential is None:
        raise NotNow("This handle is not connected to Twitter. Connect it first.")
    now = clock()
    if is_due(credential, now):
        credential = renew(handle_id, now=now)
    if credential.expires_at is not None and credential.expires_at <= now:
        raise NotNow(credential.refused_why or "Twitter gave no new key to this handle yet. Nightjar goes on asking.")
    return Credentials(handle_id=handle_id, access_token=_unsealed(credential, "sealed_access_token"))


@transaction.atomic(durable=True)
def renew(handle_id: int, *, now: datetime) -> Credential:
    """Fetch the next pair, if it is due still when the lock is ours: of many who ask at once, one calls Twitter."""
    credential = Credential.objects.select_for_update().get(pk=handle_id)
    if is_due(credential, now):
        _renew(credential, now=now)
    return credential


@transaction.atomic(durable=True)
def is_another_key_there(credentials: Credentials, *, now: datetime) -> bool:
    """After Twitter refused this token: whether there is a newer one to try, fetched now if need be.

    Once for a token, and never for a fresh one: when Twitter refuses everybody for an hour, nothing is renewed in vain.
    """
    credential = Credential.objects.select_for_update().filter(pk=credentials.handle_id).first()
    if credential is None:
        return False
    if _unsealed(credential, "sealed_access_token") != credentials.access_token:
        return True
    if credential.refused_at or not _is_renewable(credential) or now - (credential.refreshed_at or now) < _FRESH:
        return False
    return _renew(credential, now=now)


def is_due(credential: Credential, now: datetime) -> bool:
    """Whether three quarters of the token's life are over."""
    given, ends = credential.refreshed_at, credential.expires_at
    return _is_renewable(credential) and given is not None and ends is not None and now >= given + (ends - given) * 0.75


def due_now() -> list[int]:
    """The handles of this brand whose tokens are due."""
    now = timezone.now()
    found = Credential.objects.filter(sealed_refresh_token__isnull=False).order_by("pk")
    return [credential.pk for credential in found if is_due(credential, now)]


def is_any_due() -> bool:
    """Whether a token of this brand is due."""
    return bool(due_now())


@transaction.atomic
def mark_refused(*, handle_id: int, why: str, now: datetime) -> None:
    """Remember that Twitter did not take the token, with its reason; why a grant ended is not written over."""
    over = ~_LIVING & Q(refused_at__isnull=False)
    Credential.objects.filter(pk=handle_id).exclude(over).update(refused_at=now, refused_why=why[:300])


def log_in_refused(handle_id: int, *, why: str, now: datetime) -> None:
    """Twitter did not take a handle's key: it is to be connected again, unless so many brands hear the same at once
    that it is Twitter's doing."""
    if not outages.note_401(now=now):
        mark_refused(handle_id=handle_id, why=why, now=now)


def with_a_key(
    handle_id: int, connect: Callable[[int], Twitter], call: Callable[[Twitter], Made], *, clock: Callable[[], datetime]
) -> Made | TwitterNotNow:
    """Make a call in a handle's name. Where it is refused for the key alone, so certainly not done, it is made once
    more with a newer key, if there is any. Where we have none that opens, Twitter is not asked."""
    for is_last in (False, True):
        try:
            twitter = connect(handle_id)
        except NotNow as refusal:
            mark_refused(handle_id=handle_id, why=str(refusal), now=clock())
            return TwitterNotNow(str(refusal), until=clock() + _NOT_CONNECTED)
        with twitter:
            outcome = call(twitter)
        is_for_the_key = isinstance(outcome, TwitterNotNow) and outcome.reconnect
        if is_last or not is_for_the_key or not is_another_key_there(twitter.credentials, now=clock()):
            break
    return outcome


def mark_accepted(handle_id: int) -> None:
    """Forget a refusal: Twitter took the token after all, so that refusal was an hour of Twitter's own."""
    refused = Credential.objects.filter(_LIVING, pk=handle_id, refused_at__isnull=False)
    refused.update(refused_at=None, refused_why="")


def twitter_for(credentials: Credentials) -> Twitter:
    """The gateway, handed these credentials."""
    return Twitter(
        base_url=settings.TWITTER_URL,
        credentials=credentials,
        vocabulary=settings.TWITTER_VOCABULARY,
        told=costs.teller(credentials.handle_id),
    )


def this_app() -> App:
    """Nightjar, as it is registered at Twitter."""
    return App(
        client_id=settings.TWITTER_CLIENT_ID,
        client_secret=settings.TWITTER_CLIENT_SECRET,
        callback_url=settings.TWITTER_CALLBACK_URL,
        authorize_url=settings.TWITTER_AUTHORIZE_URL,
        base_url=settings.TWITTER_URL,
    )


def token_to_revoke(credential: Credential) -> str | None:
    """What ends the whole grant at Twitter; None where there is nothing of Twitter's to end, or it does not open."""
    if credential.connected_at is None:
        return None
    field = "sealed_refresh_token" if _is_renewable(credential) else "sealed_access_token"
    try:
        return _unsealed(credential, field)
    except NotNow:
        return None


def scopes_here() -> dict[int, frozenset[str]]:
    """What the grant of each connected handle of this brand allows. A key given by hand does not say: all that a brand
    asks for, as far as Twitter agrees."""
    given = frozenset((*oauth.SCOPES, *oauth.PRIVATE_SCOPES))
    rows = Credential.objects.values_list("pk", "scopes")
    return {pk: frozenset(scopes.split()) or given for pk, scopes in rows}


def subscribe(*handle_ids: int, scopes: Mapping[int, Collection[str]] | None = None) -> int:
    """Have everything that concerns these handles sent to our webhook; returns how many subscriptions were missing.

    When our address has changed, whoever was subscribed to the old one is subscribed anew.
    """
    with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        webhook_id = app.ensure_webhook(settings.TWITTER_WEBHOOK_URL)
        forsaken = app.forsake_other_webhooks(keep=webhook_id)
        everyone = [*dict.fromkeys([*handle_ids, *forsaken])]
        return app.ensure_subscriptions(handle_ids=everyone, webhook_id=webhook_id, scopes=scopes)


def _renew(credential: Credential, *, now: datetime) -> bool:
    """One call to Twitter, and what it came to, written down; the caller holds the lock. Whether there is a new pair.

    A refresh token whose answer was lost, or that Twitter calls over, is forgotten: shown again, it would end whatever
    came of it.
    """
    outcome = oauth.refresh(this_app(), refresh_token=_unsealed(credential, "sealed_refresh_token"))
    match outcome:
        case Granted():
            _take(credential, outcome, now=now)
        case oauth.Dead(why=why):
            _give_up(credential, f"Twitter ended the connection: {why}", now=now)
        case oauth.Lost(why=why):
            _give_up(credential, f"Twitter's answer with the next key was lost. {why}", now=now)
        case oauth.Later():
            return False
    credential.save()
    return isinstance(outcome, Granted)


def _take(credential: Credential, granted: Granted, *, now: datetime) -> None:
    pk, again = credential.pk, granted.refresh_token
    credential.sealed_access_token = _sealed(pk, "sealed_access_token", granted.access_token)
    credential.sealed_refresh_token = _sealed(pk, "sealed_refresh_token", again) if again else None
    credential.refreshed_at, credential.expires_at = now, now + timedelta(seconds=granted.lasts)
    credential.scopes = " ".join(sorted(granted.scopes))[:400]
    credential.refused_at, credential.refused_why = None, ""
    if not again:
        credential.refused_at, credential.refused_why = now, "Twitter gave no key to stay connected with."


def _give_up(credential: Credential, why: str, *, now: datetime) -> None:
    credential.sealed_refresh_token = None
    credential.refused_at, credential.refused_why = now, why[:300]


def _is_renewable(credential: Credential) -> bool:
    return credential.sealed_refresh_token is not None


def _sealed(handle_id: int, field: str, secret: str) -> bytes:
    return sealing.seal(secret, place=_place(handle_id, field))


def _unsealed(credential: Credential, field: str) -> str:
    try:
        return sealing.unseal(bytes(getattr(credential, field)), place=_place(credential.pk, field))
    except InvalidTag as error:
        raise NotNow(_CANNOT_BE_OPENED) from error


def _place(handle_id: int, field: str) -> str:
    return sealing.place_in(entry.current_schema(), Credential(handle_id=handle_id), field)
