"""Pictures of tweets, fetched by our server and shown from our own address: no page of ours loads from elsewhere.

Only from the hosts on which Twitter keeps them, only pictures, only so large. A direct message's need the brand's own
token, which goes to no other host than those of direct messages.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.conf import settings

from inbox.twitter.calls import capped, http_client

_PUBLIC_HOSTS = frozenset({"pbs.twimg.com", "abs.twimg.com", "video.twimg.com"})
_PRIVATE_HOSTS = frozenset({"ton.x.com", "ton.twitter.com", "api.x.com", "api.twitter.com"})
_KINDS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_BEGINS = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_SECONDS = 8.0


class NoPicture(Exception):
    """There is none to show: not of Twitter's, not a picture, too large, or it could not be had."""


@dataclass(frozen=True, slots=True)
class Picture:
    content_type: str
    content: bytes


def is_ours_to_fetch(url: str) -> bool:
    """Whether this address is one at which Twitter (or our sandbox) keeps pictures."""
    try:
        return _is_of_sandbox(url) or _is_on(url, _PUBLIC_HOSTS | _PRIVATE_HOSTS)
    except ValueError:  # brackets that are no address, a port that is no number
        return False


def needs_token(url: str) -> bool:
    """Whether only the brand itself may see what is there."""
    if not is_ours_to_fetch(url):
        return False
    return _is_on(url, _PRIVATE_HOSTS) or (_is_of_sandbox(url) and "/dm" in urlsplit(url).path)


def fetch(url: str, *, bearer: str = "") -> Picture:
    """The picture at this address; raises `NoPicture`. Redirects are not followed."""
    if not is_ours_to_fetch(url):
        raise NoPicture("not at an address of Twitter's")
    token = bearer if needs_token(url) else ""
    try:
        with (
            http_client("", bearer=token) as http,
            capped(http, "GET", _at_home(url), seconds=_SECONDS) as (status, headers, body),
        ):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if status != 200 or kind not in _KINDS or not body.startswith(_BEGINS[kind]):
                raise NoPicture(f"HTTP {status}, {kind}")
            return Picture(kind, body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoPicture(str(error)) from error


def _is_on(url: str, hosts: frozenset[str]) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in hosts and parts.port is None and parts.username is None


def _is_of_sandbox(url: str) -> bool:
    """The sandbox keeps its pictures beside its API, on this machine."""
    parts, own = urlsplit(url), urlsplit(settings.TWITTER_URL)
    is_local = own.scheme == "http" and own.hostname in ("127.0.0.1", "localhost")
    known = {own.netloc, f"twitter.{settings.BASE_DOMAIN}:{settings.PORT}"}  # itself, and by way of the front door
    return is_local and parts.scheme == own.scheme and parts.netloc in known


def _at_home(url: str) -> str:
    """Where this server finds it: names under `localhost` are for browsers."""
    if not _is_of_sandbox(url):
        return url
    own = urlsplit(settings.TWITTER_URL)
    return urlunsplit(urlsplit(url)._replace(scheme=own.scheme, netloc=own.netloc))
