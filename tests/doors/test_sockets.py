"""The screens' sockets: everybody × every host, and the brands of which they hear. Real ones: `inbox/test_live.py`."""

import pytest

from accounts.enums import RIGHTS, Right, Role
from inbox import consumers
from tenants import entry
from tenants.models import Brand, BrandState
from tests.doors.addresses import ELSEWHERE
from tests.doors.callers import BRAND_OF, CALLERS, Caller
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS, session_of

HOSTS = (OPERATORS, AGENCY, ACME, CANARY, ELSEWHERE, "nobody.localhost")


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch) -> None:
    """A worker thread lays down old connections first; here there is one, with the test's own transaction."""
    monkeypatch.setattr(consumers, "close_old_connections", lambda: None)


def heard_by(caller: Caller, host: str) -> set[str] | None:
    """The brands of which a person hears on this host, worked out from the table of rights; None: no socket."""
    held = caller.elsewhere if host == ELSEWHERE else caller.at_northlight
    if not caller.is_here or not held or host in (OPERATORS, "nobody.localhost"):
        return None
    if Role.ADMIN in held.values() and not caller.has_factor:
        return set()  # a second factor first, as on the pages
    there = {AGENCY: set(BRAND_OF.values()), ELSEWHERE: set()}.get(host, {BRAND_OF.get(host, "")})
    return {slug for slug in there if Right.READ in RIGHTS.get(caller.role(host, slug) or "", frozenset())}


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("host", HOSTS)
def test_a_socket_hears_of_the_brands_that_its_person_may_read(two_brands, town, host: str, who: str):
    elsewhere = ACME if host != ACME else AGENCY
    opened_on = elsewhere if who == "an admin who came from another host" else host
    key = session_of(town.ids[who], host=opened_on) if town.ids[who] else ""

    watcher = consumers.identify(host=host, session_key=key)

    heard = heard_by(CALLERS[who], host)
    if not heard:
        assert watcher is None or (heard == set() and not watcher.slug_of)
        return
    assert set(watcher.slug_of.values()) == set(watcher.seqs) == heard


def test_of_a_suspended_brand_its_client_hears_nothing_and_the_agency_goes_on(two_brands, town, house):
    with entry.agency(house.agency.pk):
        Brand.objects.filter(pk=house.acme.pk).update(state=BrandState.SUSPENDED)
    staff = ("an agent", "an approver of acme's", "a viewer of acme's")

    watchers = [consumers.identify(host=ACME, session_key=session_of(town.ids[who], host=ACME)) for who in staff]

    assert [list(watcher.seqs) for watcher in watchers] == [["acme"], [], []]


@pytest.mark.parametrize("key", ["", "no-such-session", "a" * 500, "\x00", "' OR 1=1 --"])
@pytest.mark.parametrize("host", [AGENCY, ACME, "nobody.localhost", "", "evil.example"])
def test_a_socket_without_a_session_hears_nothing(two_brands, host: str, key: str):
    assert consumers.identify(host=host, session_key=key) is None
