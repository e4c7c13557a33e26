"""The gateway's other half: how an account lets Nightjar act for it (OAuth 2.0 with PKCE, RFC 6749 and 7636).

Handed plain values, it keeps none and retries nothing. A refresh token works once: a renewal whose answer was lost is
`Lost`, never a thing to try again.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from inbox.twitter.calls import LONGEST_CALL, NOT_REACHED, TIMEOUT, capped, http_client, in_words, read_json, words_of

# What a brand lives from: reading and writing tweets, knowing who one is, and staying connected.
# Without these a handle is of no use; the others are asked for and may be denied.
SCOPES = ("tweet.read", "tweet.write", "users.read", "offline.access")
MORE_SCOPES = ("tweet.moderate.write", "media.write", "like.read", "mute.read", "block.read", "follows.read")
PRIVATE_SCOPES = ("dm.read", "dm.write")
_LONGEST_TOKEN = 2_000
# What is said of a grant that is over. Anything else of a 4xx is about us, not about the grant.
_DEAD = {"invalid_grant", "invalid_request", "unauthorized_client", "invalid_token"}


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """Twitter gave tokens. Never printed."""

    access_token: str
    refresh_token: str
    lasts: int  # seconds
    scopes: frozenset[str]

    def __repr__(self) -> str:
        return f"Granted(lasts={self.lasts})"


@dataclass(frozen=True, slots=True)
class Dead:
    """Twitter says that this code or this grant is over; only a person can begin anew."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The question was sent and no answer came: what was handed over may have been used up."""

    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """Twitter does not answer well now. What was handed over is as good as before, as far as anybody knows."""

    why: str


Outcome = Granted | Dead | Lost | Later


@dataclass(frozen=True, slots=True, repr=False)
class App:
    """Nightjar itself, as it is registered at Twitter. Without a secret it is a public client."""

    client_id: str
    client_secret: str
    callback_url: str
    authorize_url: str
    base_url: str

    def __repr__(self) -> str:
        return f"App(client_id={self.client_id!r})"


def new_verifier() -> str:
    """A secret that only whoever began an attempt can show at its end."""
    return secrets.token_urlsafe(48)


def authorize_address(app: App, *, state: str, verifier: str, with_private: bool = True) -> str:
    """Where a person says yes at Twitter; to direct messages too, where the brand has them."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.callback_url,
        "scope": " ".join((*SCOPES, *MORE_SCOPES, *(PRIVATE_SCOPES if with_private else ()))),
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    return f"{app.authorize_url}?{urlencode(asked)}"


def challenge_of(verifier: str) -> str:
    """What is shown of a verifier before its time."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def exchange(app: App, *, code: str, verifier: str, timeout: httpx.Timeout = TIMEOUT) -> Outcome:
    """Tokens for the code that a person came back with. A code works once."""
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return _tokens(app, {**form, "redirect_uri": app.callback_url}, timeout)


def refresh(app: App, *, refresh_token: str, timeout: httpx.Timeout = TIMEOUT) -> Outcome:
    """New tokens for a refresh token. After any answer but `Later` the old one is not to be used again."""
    return _tokens(app, {"grant_type": "refresh_token", "refresh_token": refresh_token}, timeout)


def revoke(app: App, *, token: str, timeout: httpx.Timeout = TIMEOUT) -> bool:
    """End a grant by one of its tokens; whether Twitter said yes."""
    try:
        status, _ = _ask(app, "/2/oauth2/revoke", {"token": token}, timeout)
    except httpx.HTTPError:
        return False
    return 200 <= status < 300


def _tokens(app: App, form: Mapping[str, str], timeout: httpx.Timeout) -> Outcome:
    try:
        status, answer = _ask(app, "/2/oauth2/token", form, timeout)
    except NOT_REACHED as error:
        return Later(in_words(error))
    except httpx.HTTPError as error:
        return Lost(in_words(error))
    if 200 <= status < 300:
        return _granted(answer or {})
    kind = (answer or {}).get("error")
    words = _why(answer or {}, status)
    if status < 500 and isinstance(kind, str) and kind in _DEAD:
        return Dead(words)
    return Later(f"Twitter answered {status}: {words}")


def _ask(app: App, path: str, form: Mapping[str, str], timeout: httpx.Timeout) -> tuple[int, dict[str, Any] | None]:
    basic = (app.client_id, app.client_secret) if app.client_secret else None
    body = {**form, "client_id": app.client_id} if basic is None else dict(form)
    with (
        http_client(app.base_url, basic=basic, timeout=timeout) as http,
        capped(http, "POST", path, seconds=LONGEST_CALL, data=body) as (status, _, content),
    ):
        return status, read_json(content)


def _granted(answer: Mapping[str, Any]) -> Outcome:
    """Tokens that cannot be read are lost: Twitter has given them, and nobody has them."""
    access, again = answer.get("access_token"), answer.get("refresh_token") or ""
    lasts, scopes = answer.get("expires_in"), answer.get("scope") or ""
    if not _is_token(access) or (again and not _is_token(again)) or not isinstance(scopes, str):
        return Lost("Twitter's answer with the new keys could not be read.")
    if not isinstance(lasts, int) or isinstance(lasts, bool) or not 0 < lasts < 10**9:
        return Lost("Twitter's answer with the new keys does not say how long they last.")
    return Granted(str(access), str(again), lasts, frozenset(scopes.split()))


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TOKEN
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def _why(answer: Mapping[str, Any], status: int) -> str:
    """Why Twitter says no: OAuth's own two fields, else as everywhere at Twitter."""
    said = [answer[name] for name in ("error", "error_description") if isinstance(answer.get(name), str)]
    return ": ".join(said).replace("\x00", "")[:200] or words_of(answer, status)
