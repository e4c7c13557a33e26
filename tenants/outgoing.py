"""Calls to addresses that a customer gave: guarded, so that nobody reaches through Nightjar into a private network.

The name is looked up once, each address that it has is checked, and the connection goes to an address that was checked
(a name that leads elsewhere a second later leads nobody there). No redirect is followed, no proxy of the environment
asked, and every call has an end and a size.
"""

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from tenants.refusals import NotNow

LONGEST_URL = 500
MOST_SENT = 64_000
MOST_READ = 4_000
# Seconds after which any call is over, looking up the name apart. Each step has its own time besides.
LONGEST_CALL = 10.0
LONGEST_LOOK_UP = 5.0
_TIMEOUT = httpx.Timeout(connect=5, read=8, write=8, pool=1)
_LIMITS = httpx.Limits(max_keepalive_connections=0)
_USUAL_PORT = {"http": 80, "https": 443}
# Of the addresses of one name. The next is tried where the one before did not let us in.
_MOST_TRIED = 3
# Where other servers than web servers listen.
_NO_WEB_PORTS = frozenset(
    (1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 6379, 6443, 6666, 6667, 9042, 9092)
    + (9200, 9300, 10250, 11211, 27017, 27018, 50070)
)
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry; and what clouds keep.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        # Protocol assignments with Teredo, documentation, 6to4.
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
# All of IPv6 that is given out to anybody. Mapped, compatible, NAT64, local and multicast addresses lie outside.
_GIVEN_OUT = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Answered:
    """The other side has spoken. Of what it said the beginning is kept."""

    status: int
    body: str
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The other side could not be reached, or did not answer in time."""

    why: str


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The address leads where Nightjar calls nobody; nothing was sent."""

    why: str


Outcome = Answered | NoAnswer | NotAllowed


@dataclass(frozen=True, slots=True)
class Place:
    """An address, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port as a `Host` line has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORT[self.scheme] else f"{host}:{self.port}"


class _NotThere(Exception):
    """A name that leads nowhere, now."""


def look_up(name: str, port: int) -> list[str]:
    """All addresses of a name, from the system's resolver; raises `OSError`."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def checked(url: str, *, resolve: Resolve = look_up) -> str:
    """The address as it will be called; raises `NotNow` with the reason when it never will be, or cannot be found."""
    place = _taken_apart(url)
    try:
        _addresses(place, resolve)
    except _NotThere as error:
        raise NotNow(str(error)) from error
    return place.url


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    resolve: Resolve = look_up,
    trusted: ssl.SSLContext | None = None,
    longest_call: float = LONGEST_CALL,
) -> Outcome:
    """Post to an address that a customer gave; returns what came of it, and raises nothing that others cause."""
    if len(body) > MOST_SENT:
        return NotAllowed("This is more than Nightjar sends at once.")
    try:
        place = _taken_apart(url)
        addresses = _addresses(place, resolve)[:_MOST_TRIED]
    except NotNow as refusal:
        return NotAllowed(str(refusal))
    except _NotThere as error:
        return NoAnswer(str(error))
    outcome: Outcome = NoAnswer(f"{place.host} did not answer in time.")
    ends = time.monotonic() + longest_call
    for address in addresses:
        if (seconds := ends - time.monotonic()) <= 0:
            break
        try:
            return _called(place, address, body, headers, trusted or certificates(), seconds)
        except httpx.ConnectError as error:  # nothing was written yet
            outcome = NoAnswer(f"{place.host} could not be reached: {str(error)[:150] or type(error).__name__}")
        except httpx.TimeoutException:
            return NoAnswer(f"{place.host} did not answer in time.")
        except httpx.HTTPError as error:
            return NoAnswer(f"{place.host} hung up: {str(error)[:150] or type(error).__name__}")
    return outcome


def _called(
    place: Place, address: IP, body: bytes, headers: Mapping[str, str], trusted: ssl.SSLContext, seconds: float
) -> Answered:
    literal = f"[{address}]" if address.version == 6 else str(address)
    url = httpx.URL(f"{place.scheme}://{literal}:{place.port}", raw_path=place.path.encode())
    sent = {
        "User-Agent": "Nightjar",
        "Accept-Encoding": "identity",
        **headers,
        "Host": place.authority,
        "Connection": "close",
    }
    with (
        httpx.Client(timeout=_TIMEOUT, limits=_LIMITS, verify=trusted, follow_redirects=False, trust_env=False) as http,
        End(seconds) as end,
        http.stream(
            "POST",
            url,
            content=body,
            headers=sent,
            # The certificate must be the name's, although the connection is to the number.
            extensions={"sni_hostname": place.host, "trace": end.watch},
        ) as response,
    ):
        return Answered(response.status_code, _beginning_of(response, end), response.headers.get("retry-after", ""))


def _beginning_of(response: httpx.Response, end: "End") -> str:
    """What is kept of an answer. Status and headers are here: how its body ends changes nothing."""
    content = b""
    with suppress(httpx.HTTPError):
        for chunk in response.iter_raw(MOST_READ):
            content += chunk
            if len(content) >= MOST_READ or end.is_over():
                break
    return content[:MOST_READ].decode(errors="replace").replace("\x00", "")


def _taken_apart(url: str) -> Place:
    """The parts of an address that may be called; raises `NotNow` for any other."""
    if len(url) > LONGEST_URL:
        raise NotNow(f"This address is too long: {LONGEST_URL} characters at most.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise NotNow("An address has no spaces, line breaks or letters with marks. Write such a name as xn--….")
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").removesuffix(".")
    except ValueError as error:
        raise NotNow(_NO_ADDRESS) from error
    if parts.scheme not in ("https", "http") or not host:
        raise NotNow(_NO_ADDRESS)
    if "@" in parts.netloc or parts.fragment:
        raise NotNow("Leave out the name and password before the host, and what follows a #.")
    if parts.scheme == "http" and not settings.OUTGOING_LOOPBACK:
        raise NotNow("The address must begin with https://, so that nobody on the way reads along.")
    port = port if port is not None else _USUAL_PORT[parts.scheme]
    if port not in (80, 443, 8443) and (port < 1024 or port in _NO_WEB_PORTS):
        raise NotNow(f"Nightjar calls no port {port}. Use 443, 8443, or one above 1023 where a web server may listen.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, _host(host), port, path)


_NO_ADDRESS = "This is no address that can be called. It looks like https://example.com/nightjar."


def _host(host: str) -> str:
    """A host's name, or its number in its one usual form."""
    if ":" in host:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(host))
        raise NotNow(_NO_ADDRESS)
    if re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]):
        # 2130706433, 0177.0.0.1 and 127.1 are 127.0.0.1 to some who read them: only the four plain numbers are taken.
        with suppress(ValueError):
            return str(ipaddress.IPv4Address(host))
        raise NotNow("A number as host is written as four numbers with dots, like 198.51.100.7.")
    if not _NAME.fullmatch(host) or ("." not in host and not settings.OUTGOING_LOOPBACK):
        raise NotNow(_NO_ADDRESS)
    return host


def _addresses(place: Place, resolve: Resolve) -> list[IP]:
    """Where this place is, each address checked; raises `NotNow` when one of them may not be called."""
    try:
        found = [ipaddress.ip_address(place.host)]
    except ValueError:
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in _resolved(place, resolve)]
    if not all(_may_be_called(address, place.scheme) for address in found):
        raise NotNow(
            f"{place.host} leads into a private or reserved network, or to this machine. Nightjar calls public ones."
        )
    return found


def _resolved(place: Place, resolve: Resolve) -> Sequence[str]:
    """The one look-up of a call. The system's has no end of its own, so it is left behind when it takes too long."""
    answers: queue.Queue[Sequence[str]] = queue.Queue()

    def ask() -> None:
        try:
            # With its last dot no search list of this machine is asked.
            answers.put(resolve(place.host if settings.OUTGOING_LOOPBACK else f"{place.host}.", place.port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=LONGEST_LOOK_UP)
    except queue.Empty:
        found = []
    if not found:
        raise _NotThere(f"There is no host named {place.host}, or its name cannot be looked up now.")
    return found


def _may_be_called(address: IP, scheme: str) -> bool:
    if settings.OUTGOING_LOOPBACK and address.is_loopback:
        return True
    if scheme != "https" or any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and (address.version == 4 or address in _GIVEN_OUT)


@cache
def certificates() -> ssl.SSLContext:
    """Whose certificates we take; made once, since reading them all takes longer than a call."""
    return httpx.create_ssl_context(trust_env=False)


class End:
    """The end of one call: hung on httpx's own trace of it, it cuts the connection when the time is up.

    httpx gives each step its own time, so an answer that drips would have no end.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "End":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, step: str, info: Mapping[str, Any]) -> None:
        """Told by httpx of every step of a call, before and after it."""
        if step in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
        if step == "http11.send_request_headers.started" and self.is_over():
            raise httpx.ConnectTimeout("Connecting took too long.")  # nothing was written yet
        if step.endswith("response_headers.started"):
            self.check()

    def check(self) -> None:
        if self.is_over():
            raise httpx.ReadTimeout("The whole answer took too long.")

    def is_over(self) -> bool:
        return time.monotonic() >= self._at

    def _cut(self) -> None:
        with suppress(OSError):
            if self._socket is not None:
                # The plain one: an SSL socket's own would wait for its lock, which the reader holds.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
