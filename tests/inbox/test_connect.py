"""Connecting a brand's account: there, back, and everything that may come back instead. Against the sandbox."""

import os
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from inbox.domain import connecting, credentials, posting
from inbox.enums import ReplyStatus
from inbox.models import ConnectAttempt, Credential
from inbox.twitter import oauth
from tenants import entry, schemas
from tenants.models import Handle
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory
from tests.twitter.conftest import receiver, sandbox, world  # noqa: F401, fixtures
from tests.twitter.playing import APP, CALLBACK, CLIENT, World
from tests.visiting import ACME, AGENCY, OPERATORS, count_of, queries_counted, visitor

SETTINGS = "/b/acme/settings/twitter/"


@pytest.fixture(scope="module")
def admins(house, django_db_blocker) -> Iterator[list[int]]:
    """Two admins of the agency, whose passwords everybody knows."""
    with django_db_blocker.unblock():
        made = [
            add_person(
                email=f"connects{number}-{os.getpid()}@northlight.test",
                name=f"Connie {number}",
                password="secret",
                agency_id=house.agency.pk,
                role=Role.ADMIN,
                is_demonstration=True,
            )
            for number in (1, 2)
        ]
    yield made
    with django_db_blocker.unblock(), schemas.as_owner() as cursor:
        cursor.execute("DELETE FROM accounts_membership WHERE user_id = ANY(%s)", [made])
        cursor.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [made])


@pytest.fixture
def twitter(world: World, settings) -> World:  # noqa: F811, the fixture
    """The sandbox, with which this Nightjar is registered."""
    settings.TWITTER_URL, settings.TWITTER_APP_BEARER = world.url, APP["authorization"].removeprefix("Bearer ")
    settings.TWITTER_AUTHORIZE_URL = f"{world.url}/i/oauth2/authorize"
    settings.TWITTER_CALLBACK_URL = CALLBACK
    settings.TWITTER_CLIENT_ID, settings.TWITTER_CLIENT_SECRET = CLIENT
    world.ask("POST", "/sandbox/reset")
    world.person("AcmeAir", id=str(ACME_HANDLE))
    world.person("CanaryCare", id=str(CANARY_HANDLE))
    return world


@pytest.fixture
def admin(db, admins, twitter, static_files, _transactions_around) -> Client:
    """An admin on the agency's host."""
    return visitor(AGENCY, admins[0])


def goes(client: Client, root: str = SETTINGS, **form: object) -> str:
    """Press "Connect": the address at Twitter."""
    answer = client.post(f"{root}connect/", form)
    assert answer.status_code == 302, answer.content
    return answer.headers["location"]


def says_yes(address: str, who: str = "AcmeAir", decision: str = "allow") -> str:
    """What the person does at Twitter: where Twitter sends them."""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc}"
    form = {**dict(parse_qsl(parts.query)), "who": f"@{who}", "decision": decision}
    answer = httpx.post(f"{origin}{parts.path}", data=form, headers={"origin": origin})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(CALLBACK)
    return answer.headers["location"]


def comes_back(address: str) -> str:
    """Through the one address on the operators' host: where that leads on to."""
    parts = urlsplit(address)
    answer = visitor(OPERATORS).get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 302, answer.content
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["location"]


def arrives(client: Client, address: str):
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def connects(client: Client, who: str = "AcmeAir", root: str = SETTINGS, **form: object):
    return arrives(client, comes_back(says_yes(goes(client, root, **form), who)))


def kept(house) -> list[Credential]:
    with entry.brand(house.acme):
        return list(Credential.objects.order_by("pk"))


def approved(house) -> dict[str, object]:
    """What a colleague's reply is that waits to be posted."""
    approved_by = {"approved_by_id": house.agent_id, "approved_at": NOON}
    return {"author_id": house.supervisor_id, "status": ReplyStatus.APPROVED, **approved_by}


def audited(house) -> list[str]:
    with entry.brand(house.acme):
        return list(AuditEntry.objects.filter(brand_id=house.acme.pk).order_by("number").values_list("kind", flat=True))


def test_an_admin_connects_the_brands_account(admin, admins, house, twitter):
    answer = connects(admin)

    assert (answer.status_code, answer.headers["location"]) == (302, f"{SETTINGS}?connected=AcmeAir")
    [credential] = kept(house)
    assert (credential.pk, credential.username, credential.connected_by_id) == (ACME_HANDLE, "AcmeAir", admins[0])
    asked = {*oauth.SCOPES, *oauth.MORE_SCOPES, *oauth.PRIVATE_SCOPES}
    assert credential.scopes.split() == sorted(asked)
    assert credential.refused_at is None
    assert audited(house)[-1] == AuditKind.HANDLE_CONNECTED
    with entry.brand(house.acme):
        opened = credentials.opened(ACME_HANDLE)
        with credentials.twitter_for(opened) as gateway:
            assert gateway.me().id == ACME_HANDLE
        assert b"access" not in bytes(credential.sealed_access_token)
    page = admin.get(f"{SETTINGS}?connected=AcmeAir").content.decode()
    assert "@AcmeAir is connected." in page
    assert "Connie 1" in page
    assert "tweet.write" in page


def test_a_new_account_becomes_a_handle_of_the_brand(admin, house, twitter):
    twitter.person("AcmeHelp")

    connects(admin, "AcmeHelp")

    with entry.brand(house.acme):
        assert sorted(Handle.objects.values_list("username", flat=True)) == ["AcmeAir", "AcmeHelp"]
    assert [credential.username for credential in kept(house)] == ["AcmeHelp"]


def test_from_a_brands_own_host_one_comes_back_to_it(admins, twitter, static_files, house, db, _transactions_around):
    client = visitor(ACME, admins[0])
    back = comes_back(says_yes(goes(client, "/settings/twitter/")))

    assert urlsplit(back).hostname == ACME
    assert arrives(client, back).headers["location"] == "/settings/twitter/?connected=AcmeAir"


def test_the_page_alone_may_lead_to_twitter(admin, twitter):
    assert f"form-action 'self' {twitter.url};" in admin.get(SETTINGS).headers["content-security-policy"]
    assert "form-action 'self';" in admin.get("/b/acme/").headers["content-security-policy"]


def test_an_account_of_another_brand_stays_there_and_is_given_back(admin, house, twitter):
    answer = connects(admin, "CanaryCare")

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "<span>@CanaryCare is connected to another brand. It has to be let go there first.</span>" in text
    assert kept(house) == []


def test_connecting_again_as_another_account_swaps_nothing(admin, house, twitter):
    connects(admin)
    twitter.person("AcmeHelp")
    [before] = kept(house)

    answer = connects(admin, "AcmeHelp", handle=ACME_HANDLE)

    assert answer.status_code == 409
    assert "You said yes as @AcmeHelp, which is another account." in answer.content.decode()
    [after] = kept(house)
    assert bytes(after.sealed_access_token) == bytes(before.sealed_access_token)
    with entry.brand(house.acme):
        assert Handle.objects.count() == 1


def test_connecting_again_lets_waiting_replies_go_at_once(admin, house, twitter):
    connects(admin)
    later = timezone.now() + timedelta(hours=1)
    with entry.brand(house.acme):
        credentials.mark_refused(handle_id=ACME_HANDLE, why="Twitter ended the connection: over", now=NOON)
        conversation = ConversationFactory()
        MessageFactory(conversation=conversation, id=conversation.pk)
        reply = ReplyFactory(conversation=conversation, not_before=later, **approved(house))
    assert "Reconnect: Twitter ended the connection: over" in " ".join(admin.get(SETTINGS).content.decode().split())

    connects(admin, handle=ACME_HANDLE)

    with entry.brand(house.acme):
        reply.refresh_from_db()
        assert reply.not_before is None
        assert Credential.objects.get().refused_at is None


def test_a_reply_refused_for_its_key_goes_out_with_the_next_one(admin, house, twitter):
    connects(admin)
    twitter.person("customer")
    tweet_id = int(twitter.tweeted("customer", "@AcmeAir where is my bag?"))
    twitter.fault("unauthorized", times=1, user_id=str(ACME_HANDLE))
    with entry.brand(house.acme):
        Credential.objects.update(refreshed_at=timezone.now() - timedelta(minutes=20))
        conversation = ConversationFactory(customer__id=int(twitter.people["customer"]))
        MessageFactory(conversation=conversation, id=tweet_id)
        reply = ReplyFactory(conversation=conversation, answers_id=tweet_id, **approved(house))

        assert posting.post_waiting(clock=timezone.now) == 1

        reply.refresh_from_db()
        assert reply.status == ReplyStatus.POSTED
        assert Credential.objects.get().refused_at is None
        assert timezone.now() - Credential.objects.get().refreshed_at < timedelta(minutes=1)


def test_a_no_at_twitter_changes_nothing(admin, house, twitter):
    answer = arrives(admin, comes_back(says_yes(goes(admin), decision="cancel")))

    assert answer.status_code == 409
    assert "You did not allow it at Twitter. Nothing was changed." in answer.content.decode()
    assert kept(house) == []


def test_the_same_way_back_works_once(admin, house, twitter):
    back = comes_back(says_yes(goes(admin)))
    assert arrives(admin, back).status_code == 302

    second = arrives(admin, back)

    assert second.status_code == 409
    assert "was used already" in second.content.decode()
    assert len(kept(house)) == 1


def test_another_person_cannot_end_what_one_began(admin, admins, house, twitter):
    back = comes_back(says_yes(goes(admin)))

    answer = arrives(visitor(AGENCY, admins[1]), back)

    assert answer.status_code == 409
    assert "Somebody else began this" in answer.content.decode()
    assert kept(house) == []
    assert arrives(admin, back).status_code == 302  # theirs is not used up by it


def test_at_another_brand_it_is_worth_nothing(admin, house, twitter):
    back = comes_back(says_yes(goes(admin))).replace("/b/acme/", "/b/canary/")

    assert arrives(admin, back).status_code == 409


@pytest.mark.parametrize("spoil", ["cut", "added", "gone", "old", "another installation's", "nonsense"])
def test_a_state_that_is_not_ours_leads_nowhere(admin, house, twitter, settings, spoil):
    back = says_yes(goes(admin))
    parts = urlsplit(back)
    query = dict(parse_qsl(parts.query))
    state = query["state"]
    spoilt = {"cut": state[:-2], "added": state + "x", "gone": "", "nonsense": "a:b:c"}
    if spoil == "old":
        told = signing.loads(state, salt="inbox.connecting")
        signer = signing.TimestampSigner(salt="inbox.connecting")
        signer.timestamp = lambda: signing.b62_encode(int(timezone.now().timestamp()) - 601)
        spoilt["old"] = signer.sign_object(told)
    if spoil == "another installation's":
        spoilt[spoil] = signing.dumps(["evil.localhost", house.acme.pk, "w"], key="k" * 50, salt="inbox.connecting")
    answer = visitor(OPERATORS).get(parts.path, {**query, "state": spoilt[spoil]})

    assert answer.status_code == 409
    assert "location" not in answer.headers
    assert arrives(admin, f"{SETTINGS}return/?code=x&state={spoilt[spoil]}").status_code == 409
    assert kept(house) == []


@pytest.mark.parametrize("host", ["evil.test", "care.canary.localhost", "localhost"])
def test_the_way_back_leads_only_to_the_brands_own_hosts(admin, house, twitter, host):
    state = signing.dumps([host, house.acme.pk, "w"], salt="inbox.connecting")

    answer = visitor(OPERATORS).get("/twitter/callback/", {"state": state, "code": "x"})

    assert (answer.status_code, "location" in answer.headers) == (409, False)


def test_an_attempt_lasts_ten_minutes(admin, house, twitter):
    back = comes_back(says_yes(goes(admin)))
    with entry.brand(house.acme):
        ConnectAttempt.objects.update(begun_at=timezone.now() - timedelta(minutes=11))

    assert "too old" in arrives(admin, back).content.decode()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("token_refused", "Twitter gave no keys."),
        ("token_error", "Twitter gave no keys. Twitter answered 503"),
        ("token_lost", "Twitter gave no keys. The connection to Twitter broke off before an answer came."),
        ("unauthorized", "Twitter did not say whose keys these are."),
    ],
)
def test_a_bad_moment_of_twitters_changes_nothing(admin, house, twitter, fault, words):
    back = comes_back(says_yes(goes(admin)))
    twitter.fault(fault, times=1)

    answer = arrives(admin, back)

    assert answer.status_code == 409
    assert words in answer.content.decode()
    assert kept(house) == []


def test_too_few_scopes_are_named(admin, house, twitter):
    address = goes(admin).replace("+offline.access", "")

    answer = arrives(admin, comes_back(says_yes(address)))

    assert "Twitter did not allow everything that is needed: offline.access." in answer.content.decode()
    assert kept(house) == []


def test_disconnecting_asks_for_the_name_forgets_the_keys_and_ends_the_grant(admin, house, twitter):
    connects(admin)
    with entry.brand(house.acme):
        token = credentials.opened(ACME_HANDLE).access_token
        conversation = ConversationFactory()

    wrong = admin.post(f"{SETTINGS}{ACME_HANDLE}/disconnect/", {"typed": "AcmeAirs"})
    assert (wrong.status_code, len(kept(house))) == (409, 1)
    right = admin.post(f"{SETTINGS}{ACME_HANDLE}/disconnect/", {"typed": "@acmeair"})

    assert right.headers["location"] == f"{SETTINGS}?gone=yes"
    assert kept(house) == []
    assert audited(house)[-1] == AuditKind.HANDLE_DISCONNECTED
    me = twitter.http.get("/2/users/me", headers={"authorization": f"Bearer {token}"})
    assert me.status_code == 401
    with entry.brand(house.acme):
        assert not Handle.objects.exists()
        conversation.refresh_from_db()
        assert conversation.handle_id == ACME_HANDLE


def test_an_unregistered_installation_says_so(admin, house, settings):
    settings.TWITTER_CLIENT_ID = ""

    answer = admin.post(f"{SETTINGS}connect/")

    assert answer.status_code == 409
    assert "NIGHTJAR_TWITTER_CLIENT_ID" in answer.content.decode()


def test_only_who_sets_up_may_come_here(house, twitter, db, static_files, _transactions_around):
    supervisor = visitor(AGENCY, house.supervisor_id)

    assert [
        supervisor.get(SETTINGS).status_code,
        supervisor.post(f"{SETTINGS}connect/").status_code,
        supervisor.get(f"{SETTINGS}return/").status_code,
        supervisor.post(f"{SETTINGS}{ACME_HANDLE}/disconnect/").status_code,
    ] == [403] * 4


def test_the_page_costs_the_same_with_one_handle_and_with_three(admin, house, twitter):
    costs = []
    for name in (None, "AcmeHelp", "AcmeNews"):
        if name:
            twitter.person(name)
            connects(admin, name)
        admin.get(SETTINGS)
        with queries_counted() as captured:
            admin.get(SETTINGS)
        costs.append(count_of(captured))

    assert costs[1] == costs[2]


def test_the_sweep_makes_missing_subscriptions_and_gives_up_those_of_nobody(twitter, house, receiver, settings, db):  # noqa: F811
    settings.TWITTER_WEBHOOK_URL, receiver.secret = receiver.url, b"synthetic-consumer-secret"
    twitter.person("GoneBrand")
    twitter.listen(receiver.url, "GoneBrand")
    with entry.directory():
        handles = Handle.objects.count()

    made, gone = connecting.reconcile()

    # Of handles without a key, what is public; and that somebody takes our access away, once for all.
    assert (made, gone) == (5 * handles + 1, 5)
    assert connecting.reconcile() == (0, 0)
    with entry.brand(house.acme):
        assert connecting.subscriptions_of(ACME_HANDLE) == {ACME_HANDLE: (5, 5)}
