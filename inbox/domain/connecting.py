"""Connecting a brand's account: a person goes to Twitter, says yes, and comes back with a code.

What they carry is a signed state: from which host they went, for which brand, and a word that is known here by its
hash. It works for ten minutes, once, for the same person.
"""

import hashlib
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import DatabaseError, IntegrityError, transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox.domain import credentials, posting
from inbox.models import ChannelSettings, ConnectAttempt, Credential
from inbox.twitter import oauth
from inbox.twitter.client import TwitterApp, Unavailable
from inbox.twitter.oauth import Granted
from inbox.twitter.shapes import Account
from inbox.twitter.subscriptions import events_of
from tenants import entry, sealing
from tenants import queries as houses
from tenants.models import Handle
from tenants.refusals import NotNow

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=10)
_SALT = "inbox.connecting"
_NOT_OURS = "This way back from Twitter is not valid, or older than ten minutes. Begin again from the brand's settings."
_NO_APP = "This installation is not registered at Twitter yet: its operator sets NIGHTJAR_TWITTER_CLIENT_ID."


@dataclass(frozen=True)
class Way:
    """From where somebody went to Twitter, and so where they come back to."""

    host: str
    brand_id: int
    word: str


@transaction.atomic
def begin(*, host: str, by: User, now: datetime, handle_id: int | None = None) -> str:
    """Note that this person goes to Twitter; returns the address to go to. `handle_id` is to be connected again."""
    if not settings.TWITTER_CLIENT_ID:
        raise NotNow(_NO_APP)
    ConnectAttempt.objects.filter(begun_at__lt=now - timedelta(days=1)).delete()
    word, verifier = secrets.token_urlsafe(32), oauth.new_verifier()
    attempt = ConnectAttempt.objects.create(
        word_hash=_hashed(word), sealed_verifier=b"", begun_at=now, begun_by_id=by.pk, handle_id=handle_id
    )
    attempt.sealed_verifier = sealing.seal(verifier, place=_place(attempt))
    attempt.save(update_fields=["sealed_verifier"])
    state = signing.dumps([host, entry.current_brand_id(), word], salt=_SALT)
    takes_private = ChannelSettings.objects.filter(takes_private=True).exists()
    app = credentials.this_app()
    return oauth.authorize_address(app, state=state, verifier=verifier, with_private=takes_private)


def way_back(state: str) -> Way:
    """What a state says, if it is ours and not too old; raises `NotNow`."""
    try:
        host, brand_id, word = signing.loads(state[:1000], salt=_SALT, max_age=LASTS)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotNow(_NOT_OURS) from error
    return Way(host=str(host), brand_id=int(brand_id), word=str(word))


@transaction.atomic(durable=True)
def come_back(*, state: str, by: User, now: datetime) -> ConnectAttempt:
    """The attempt that this person began here, used up from now on, whatever comes of it; raises `NotNow`."""
    way = way_back(state)
    attempt = ConnectAttempt.objects.select_for_update().filter(word_hash=_hashed(way.word)).first()
    if way.brand_id != entry.current_brand_id() or attempt is None or attempt.begun_by_id != by.pk:
        raise NotNow("Somebody else began this, or at another brand. Begin again from the brand's settings.")
    if attempt.used_at or not now - LASTS <= attempt.begun_at <= now + LASTS:
        raise NotNow("This way back from Twitter was used already, or is too old. Begin again if need be.")
    attempt.used_at = now
    attempt.save(update_fields=["used_at"])
    return attempt


def finish(*, attempt: ConnectAttempt, code: str, by: User, now: datetime) -> Account:
    """Turn the code into keys, see whose they are, and keep them; raises `NotNow`, and then nothing was changed."""
    app = credentials.this_app()
    verifier = sealing.unseal(bytes(attempt.sealed_verifier), place=_place(attempt))
    outcome = oauth.exchange(app, code=code, verifier=verifier)
    if not isinstance(outcome, Granted):
        raise NotNow(f"Twitter gave no keys. {outcome.why} Nothing was changed; connect again.")
    try:
        account = _accepted(outcome, attempt)
        _keep(account, outcome, by=by, now=now)
    except NotNow:
        oauth.revoke(app, token=outcome.refresh_token or outcome.access_token)
        raise
    return account


@transaction.atomic
def disconnect(*, handle_id: int, typed: str, by: User, now: datetime) -> str | None:
    """Forget the keys to a handle, and whose it is; what was said stays. Returns what to revoke at Twitter."""
    credential = Credential.objects.select_for_update().filter(pk=handle_id).first()
    handle = Handle.objects.filter(pk=handle_id).first()
    if handle is None and credential is None:
        raise NotNow("This handle is not connected.")
    username = handle.username if handle else credential.username if credential else ""
    if typed.strip().removeprefix("@").lower() != username.lower():
        raise NotNow(f"To disconnect, type the name of the handle: @{username}.")
    token = credentials.token_to_revoke(credential) if credential else None
    if credential:
        credential.delete()
    if handle:
        handle.delete()
    audit.record_here(
        AuditKind.HANDLE_DISCONNECTED, now=now, by_id=by.pk, facts={"handle": str(handle_id), "username": username}
    )
    return token


def give_back(*, handle_id: int, token: str | None) -> bool:
    """After a handle was disconnected: end its grant and its subscriptions at Twitter; whether all of it is ended."""
    is_ended = token is None or oauth.revoke(credentials.this_app(), token=token)
    try:
        with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
            app.forsake_subscriptions(handle_ids=[handle_id])
    except Unavailable as error:
        log.warning("The subscriptions of handle %s stay until the sweep: %s", handle_id, error)
    return is_ended


def reconcile() -> tuple[int, int]:
    """Make Twitter's list of subscriptions to our webhook what it should be; how many were made, and given up.

    Stands nowhere: it is about the app's one webhook. What Twitter refuses for one handle holds up no other. What is
    an account's own is subscribed to as far as its grant allows, and given up when it does so no more.
    """
    with entry.directory():
        handles = [*Handle.objects.order_by("pk").values_list("pk", flat=True)]
    scopes = _scopes_of_all()
    with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        known = app.webhook(settings.TWITTER_WEBHOOK_URL)
        webhook_id = known[0] if known and known[1] else app.ensure_webhook(settings.TWITTER_WEBHOOK_URL)
        gone = app.forsake_subscriptions(handle_ids=app.subscribed_beyond(handles, webhook_id=webhook_id))
        gone += app.forsake_private(webhook_id=webhook_id, scopes=scopes)
        made, room = 0, True
        if handles:
            with suppress(Unavailable):  # heard of by the next refusal then
                made += app.ensure_revocations(webhook_id=webhook_id)
        for handle_id in dict.fromkeys(
            int(user_id)
            for _, user_id in app.missing_subscriptions(handle_ids=handles, webhook_id=webhook_id, scopes=scopes)
        ):
            if not room:
                break
            try:
                made += app.ensure_subscriptions(handle_ids=[handle_id], webhook_id=webhook_id, scopes=scopes)
            except Unavailable as error:
                log.warning("Handle %s cannot be subscribed: %s", handle_id, error)
                room = "limit" not in str(error).lower()
    return made, gone


def subscriptions_of(*handle_ids: int) -> dict[int, tuple[int, int]]:
    """Of each handle: how many of its subscriptions Twitter has, and how many there should be; raises `Unavailable`.

    Asked inside the brand: what there should be depends on what its grants allow.
    """
    scopes = credentials.scopes_here()
    with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        known = app.webhook(settings.TWITTER_WEBHOOK_URL)
        webhook_id = known[0] if known else ""
        missing = app.missing_subscriptions(handle_ids=handle_ids, webhook_id=webhook_id, scopes=scopes)
    found = {}
    for handle_id in handle_ids:
        wanted = len(events_of(scopes.get(handle_id)))
        found[handle_id] = (wanted - sum(user_id == str(handle_id) for _, user_id in missing), wanted)
    return found


def _scopes_of_all() -> dict[int, frozenset[str]]:
    """What each connected handle's grant allows, over all brands; those that cannot be read have none for now."""
    with entry.directory():
        brands = houses.all_brands()
    found: dict[int, frozenset[str]] = {}
    for brand in brands:
        try:
            found |= entry.in_brand(brand, credentials.scopes_here)
        except DatabaseError as error:
            log.error("The grants of %s cannot be read: %s", brand.schema_name, str(error).strip())
    return found


def _accepted(granted: Granted, attempt: ConnectAttempt) -> Account:
    """Whose keys these are, if they allow what a brand lives from and are of the account that was meant."""
    missing = [scope for scope in oauth.SCOPES if scope not in granted.scopes]
    if missing:
        raise NotNow(f"Twitter did not allow everything that is needed: {', '.join(missing)}. Connect again.")
    try:
        with credentials.twitter_for(credentials.Credentials(0, granted.access_token)) as twitter:
            account = twitter.me()
    except Unavailable as error:
        raise NotNow(f"Twitter did not say whose keys these are. {error} Connect again.") from error
    if attempt.handle_id and account.id != attempt.handle_id:
        raise NotNow(
            f"You said yes as @{account.username}, which is another account. Log in to Twitter as the right one and "
            "connect again; nothing was changed."
        )
    return account


@transaction.atomic
def _keep(account: Account, granted: Granted, *, by: User, now: datetime) -> None:
    if not Handle.objects.filter(pk=account.id).update(username=account.username):
        try:
            with transaction.atomic():
                Handle(twitter_id=account.id, username=account.username, brand_id=entry.current_brand_id()).save(
                    force_insert=True
                )
        except IntegrityError as error:
            raise NotNow(
                f"@{account.username} is connected to another brand. It has to be let go there first."
            ) from error
    credentials.store_granted(handle_id=account.id, username=account.username, granted=granted, by_id=by.pk, now=now)
    posting.let_go(account.id)
    facts = {"handle": str(account.id), "username": account.username, "scopes": sorted(granted.scopes)}
    audit.record_here(AuditKind.HANDLE_CONNECTED, now=now, by_id=by.pk, facts=facts)


def _hashed(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def _place(attempt: ConnectAttempt) -> str:
    return sealing.place_in(entry.current_schema(), attempt, "sealed_verifier")
