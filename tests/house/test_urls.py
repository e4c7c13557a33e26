"""Every url asks who you are, except those on the list `config.doors.PUBLIC`."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from config.rights import NEEDS, Need

PUBLIC = {name for name, need in NEEDS.items() if need is Need.NOTHING}

HOSTS = {
    "operators": "localhost",
    "agency": "northlight.localhost",
    "brand": "care.acme.localhost",
}
EVERYBODYS = {
    "landing": "the way in, for a newcomer",
    "health": "whether the pages can reach the database; says nothing else",
    "accounts:login": "where one says who one is",
}
EXAMPLE = {"<slug:brand_slug>": "acme", "<int:pk>": "7"}


def test_the_public_list_is_as_short_as_it_was_agreed():
    assert set(EVERYBODYS) == PUBLIC


def test_the_public_list_names_only_urls_that_there_are():
    assert {name for host in HOSTS for name, _ in _urls(host)} >= PUBLIC


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_has_a_name(host):
    assert [address for name, address in _urls(host) if not name or name.endswith(":")] == []


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_asks_who_you_are(db, house, static_files, host):
    private = [address for name, address in _urls(host) if name not in PUBLIC]

    answers = {address: _asked(host, address) for address in private}

    assert answers == {address: (302, f"/login/?next={address}") for address in private}


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_asks_who_you_are_when_part_of_a_page_is_asked_for(db, house, static_files, host):
    private = [address for name, address in _urls(host) if name not in PUBLIC]

    answers = {address: _asked(host, address, headers={"HX-Request": "true"}) for address in private}

    assert answers == dict.fromkeys(private, (401, None))


def test_a_public_url_answers_everybody(db, house, static_files):
    public = [(host, address) for host in HOSTS for name, address in _urls(host) if name in PUBLIC]

    answers = {(host, address): _asked(host, address) for host, address in public}

    assert answers == dict.fromkeys(public, (200, None))


def _asked(host: str, address: str, **more) -> tuple[int, str | None]:
    answer = Client(HTTP_HOST=HOSTS[host]).get(address, **more)
    return answer.status_code, answer.headers.get("Location")


def _urls(host: str) -> list[tuple[str, str]]:
    """The name and an address of every url of a kind of host."""
    return list(_walk(get_resolver(f"config.urls.{host}"), "", "/"))


def _walk(resolver, namespace: str, address: str) -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        here = address + _example(str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name or ''}", here
        else:
            yield from _walk(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace, here)


def _example(route: str) -> str:
    for placeholder, value in EXAMPLE.items():
        route = route.replace(placeholder, value)
    return route
