"""Every address of every kind of host, as the resolvers know them, with an example for each part that varies.

A part without an example fails with its address: write one into `EXAMPLES`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.urls import URLPattern, get_resolver

from config.rights import NEEDS, PROGRAMS
from tests.factories import tweet_id
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS

OURS, THEIRS = tweet_id(1), tweet_id(2)  # the key of one of each of acme's things, and of canary's
ELSEWHERE = "elsewhere.localhost"  # the host of another agency
KINDS = {OPERATORS: "operators", AGENCY: "agency", ACME: "brand", CANARY: "brand", ELSEWHERE: "agency"}

# For each part of an address that varies, what stands there. `pk` is the key of a thing in the brand.
EXAMPLES = {
    "brand_slug": "acme",
    "pk": str(OURS),
    "token": "5.0-signed",
    "tag_id": str(OURS),
    "word": "no-such-word",
    "uidb36": "1",
    "key": "no-such-key",
}

KEYS = ("pk", "tag_id")  # those that are the key of a brand's thing
# Beginnings of addresses whose `pk` is the key of a public row.
TABLES = {"/keys/": "accounts_apikey", "/me/2fa/passkeys/": "mfa_authenticator"}


@dataclass(frozen=True)
class Address:
    """One url: its name, and an address of it."""

    name: str
    path: str

    @property
    def is_of_a_brand(self) -> bool:
        """Whether it names its brand itself, as those on an agency's host do."""
        return self.path.startswith("/b/")


def addresses_of(kind: str, *, key: int = 0, **values: str) -> list[Address]:
    """Every url of a kind of host, with these values instead of the examples, and this key for a brand's things."""
    values |= dict.fromkeys(KEYS, str(key)) if key else {}
    resolver = get_resolver(f"config.urls.{kind}")
    return list(_walk(resolver, "", "/", {**EXAMPLES, **values}))


@cache
def names_of(kind: str) -> frozenset[str]:
    return frozenset(address.name for address in addresses_of(kind))


def all_names() -> set[str]:
    return set().union(*(names_of(kind) for kind in KINDS.values()))


def stated() -> set[str]:
    """The names of all urls of which it is said who may open them."""
    return {*NEEDS, *PROGRAMS}


def _walk(resolver, namespace: str, so_far: str, values: dict[str, str]) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        here = so_far + _filled(str(pattern.pattern), so_far, values)
        if isinstance(pattern, URLPattern):
            yield Address(f"{namespace}{pattern.name or ''}", here)
        else:
            within = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern, within, here, values)


def _filled(route: str, so_far: str, values: dict[str, str]) -> str:
    if so_far.startswith("/admin/"):
        # An admin's rows are public ones: the model's own key.
        table = so_far.removeprefix("/admin/").strip("/").replace("/", "_")
    else:
        table = next((table for beginning, table in TABLES.items() if (so_far + route).startswith(beginning)), "")
    values = {**values, "pk": values.get(table, values["pk"])}

    def example(match: re.Match[str]) -> str:
        part = match[1].rpartition(":")[2]
        assert part in values, f"{so_far}{route}: no example for {part!r}; write one into tests/doors/addresses.py"
        return values[part]

    return re.sub(r"<([^>]+)>", example, route)
