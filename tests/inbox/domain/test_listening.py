"""Listening: rules from handles, marks and queries; and for whom a line of the stream is."""

import json

import pytest

from inbox.domain import listening
from inbox.domain.listening import Directory
from inbox.enums import Reach
from inbox.models import ListeningQuery
from inbox.twitter.events import read_arrival
from inbox.twitter.reading import one_body
from tenants.models import MarkKind
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ListeningQueryFactory

KNOWN = Directory(
    brand_of={ACME_HANDLE: 1, CANARY_HANDLE: 2, 77: 1},
    named={"acmeair": ACME_HANDLE, "canarycare": CANARY_HANDLE, "acmehelp": 77},
)


def line(text: str = "hello", *tags: str, **post: object) -> bytes:
    data = {"id": "2087599998366646273", "author_id": "5", "text": text, **post}
    return json.dumps({"data": data, "matching_rules": [{"id": "9", "tag": tag} for tag in tags]}).encode()


def add(**more: object) -> ListeningQuery:
    asked = {"name": "Lounges", "query": "lounge OR boarding", "reach": Reach.BROAD, **more}
    return listening.add(**{"by": None, "role": "admin", "now": NOON, **asked})


def test_marks_become_words_phrases_hashtags_and_links():
    marks = [
        (MarkKind.NAME, "Acme Air"),
        (MarkKind.PRODUCT, "Zoomer"),
        (MarkKind.HASHTAG, "FlyAcme"),
        (MarkKind.HASHTAG, "#AcmeFail"),
        (MarkKind.LINK, "https://acme.example/app"),
        (MarkKind.SIGN_OFF, "^AB"),
    ]

    assert listening.mark_terms(marks) == ['"Acme Air"', "Zoomer", "#FlyAcme", "#AcmeFail", 'url:"acme.example/app"']


def test_a_brands_rules_say_whose_they_are_and_of_which_reach(acme):
    ListeningQueryFactory(query="lost luggage", reach=Reach.BROAD)
    ListeningQueryFactory(query="(rude OR slow) airline", reach=Reach.PROACTIVE)
    ListeningQueryFactory(query="nothing", paused_at=NOON)

    rules = listening.rules_of_brand()

    assert [rule.tag for rule in rules] == [f"{ACME_HANDLE}:broad", f"{ACME_HANDLE}:proactive"]
    assert [rule.value for rule in rules] == [
        "((lost luggage)) -is:retweet",
        "(((rude OR slow) airline)) -is:retweet",
    ]


def test_a_line_that_names_a_handle_is_for_its_brand_whatever_rule_it_matched():
    mentions = {"mentions": [{"username": "AcmeAir", "id": str(ACME_HANDLE)}]}

    told = listening.addressed(line("@AcmeAir hi", "direct", entities=mentions), KNOWN)

    assert [*told] == [ACME_HANDLE]
    assert json.loads(told[ACME_HANDLE])["matching_rules"] == []


def test_a_line_for_several_brands_tells_each_its_own_rules_alone():
    told = listening.addressed(
        line("@canarycare is worse than Acme", "direct", f"{ACME_HANDLE}:broad", "12345:proactive"), KNOWN
    )

    assert {*told} == {ACME_HANDLE, CANARY_HANDLE}
    assert [rule["tag"] for rule in json.loads(told[ACME_HANDLE])["matching_rules"]] == [f"{ACME_HANDLE}:broad"]
    assert json.loads(told[CANARY_HANDLE])["matching_rules"] == []


def test_a_line_that_names_two_handles_of_a_brand_is_put_there_once():
    told = listening.addressed(line("@AcmeAir @AcmeHelp", "direct"), KNOWN)

    assert len(told) == 1


def test_the_brand_that_writes_and_the_brand_that_is_answered_both_hear_of_it():
    told = listening.addressed(
        line("ok", "direct", author_id=str(CANARY_HANDLE), in_reply_to_user_id=str(ACME_HANDLE)), KNOWN
    )

    assert {*told} == {ACME_HANDLE, CANARY_HANDLE}


@pytest.mark.parametrize("reach", [Reach.BROAD, Reach.PROACTIVE])
def test_how_it_was_heard_travels_with_the_tweet(reach):
    told = listening.addressed(line("so rude", f"{ACME_HANDLE}:{reach}"), KNOWN)

    assert read_arrival("tweet", told[ACME_HANDLE]).event == f"listened.{reach}"
    searched = listening.as_told(one_body({"id": "5", "author_id": "6", "text": "x"}, {}), tag=f"1:{reach}")
    assert read_arrival("tweet", searched).event == f"listened.{reach}"


def test_a_query_is_added_paused_taken_up_and_removed(acme, supervisor):
    query = add(by=supervisor)

    listening.pause(query=query, role="admin", now=NOON)
    assert listening.rules_of_brand() == []
    listening.pause(query=query, role="admin", now=NOON)
    assert len(listening.rules_of_brand()) == 1
    listening.remove(query=query, role="admin")
    assert not ListeningQuery.objects.exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": " "}, "Give it a name"),
        ({"reach": Reach.DIRECT}, "Say whether"),
        ({"query": "x" * 401}, "400 characters"),
        ({"query": "lang:en"}, "one thing to find"),
        ({"name": "LOUNGES"}, "already"),
    ],
)
def test_a_query_that_will_not_do_is_refused_in_a_sentence(acme, supervisor, asked, said):
    add(by=supervisor, name="lounges")

    with pytest.raises(NotNow, match=said):
        add(**{"by": supervisor, "name": "Others", **asked})
    assert ListeningQuery.objects.count() == 1


def test_only_who_sets_a_brand_up_says_what_it_listens_for(acme, supervisor):
    with pytest.raises(NotYours):
        add(by=supervisor, role="agent")
