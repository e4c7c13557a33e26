"""A handle's keys to Twitter: sealed when they come, opened only to be handed to the gateway."""

from datetime import datetime

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from inbox.models import Credential
from inbox.twitter.client import Credentials, Twitter, TwitterApp, is_access_token
from tenants import entry, sealing
from tenants.refusals import NotNow


@transaction.atomic
def store(*, handle_id: int, username: str, access_token: str, now: datetime) -> Credential:
    """Keep a handle's access token, sealed for its place; a token that was refused is forgotten with its reason."""
    if not is_access_token(access_token):
        raise NotNow("This is not an access token: Twitter's have no spaces, line breaks or letters with marks.")
    credential, _ = Credential.objects.update_or_create(
        handle_id=handle_id,
        defaults={
            "username": username,
            "sealed_access_token": sealing.seal(access_token, place=_place(handle_id)),
            "refused_at": None,
            "refused_why": "",
        },
    )
    audit.record_here(AuditKind.CREDENTIALS_STORED, now=now, facts={"handle": str(handle_id)})
    return credential


def opened(handle_id: int) -> Credentials:
    """The credentials of one of the brand's handles; raises `NotNow` where the handle is not connected.

    A token that was sealed for another place, or with another key, counts as none.
    """
    credential = Credential.objects.filter(pk=handle_id).first()
    if credential is None:
        raise NotNow("This handle is not connected to Twitter. Connect it first.")
    try:
        token = sealing.unseal(bytes(credential.sealed_access_token), place=_place(handle_id))
    except (InvalidTag, ValueError) as error:  # another place or key; cut short
        raise NotNow("The key to this handle cannot be opened here. Connect the handle again.") from error
    return Credentials(handle_id=handle_id, access_token=token)


def twitter_for(credentials: Credentials) -> Twitter:
    """The gateway, handed these credentials."""
    return Twitter(base_url=settings.TWITTER_URL, credentials=credentials)


@transaction.atomic
def mark_refused(*, handle_id: int, why: str, now: datetime) -> None:
    """Remember that Twitter did not take the token, with its reason: the brand must be connected again."""
    Credential.objects.filter(pk=handle_id).update(refused_at=now, refused_why=why[:300])


def mark_accepted(handle_id: int) -> None:
    """Forget a refusal: Twitter took the token after all, so that refusal was an hour of Twitter's own."""
    Credential.objects.filter(pk=handle_id, refused_at__isnull=False).update(refused_at=None, refused_why="")


def _place(handle_id: int) -> str:
    return f"{entry.current_schema()}/inbox_credential/{handle_id}/access_token"


def subscribe(*handle_ids: int) -> int:
    """Have everything that concerns these handles sent to our webhook; returns how many subscriptions were missing.

    When our address has changed, whoever was subscribed to the old one is subscribed anew.
    """
    with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        webhook_id = app.ensure_webhook(settings.TWITTER_WEBHOOK_URL)
        forsaken = app.forsake_other_webhooks(keep=webhook_id)
        return app.ensure_subscriptions(handle_ids=[*dict.fromkeys([*handle_ids, *forsaken])], webhook_id=webhook_id)
