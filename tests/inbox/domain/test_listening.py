"""Listening: rules from handles, marks and queries; and for whom a line of the stream is."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from inbox.domain import listening
from inbox.domain.listening import Directory
from inbox.enums import Reach, Source
from inbox.models import ChannelSettings, ListeningQuery, Pulse
from inbox.twitter.events import read_arrival
from inbox.twitter.reading import one_body
from inbox.twitter.rule_language import what_is_wrong
from inbox.twitter.rules import Rule
from tenants.models import MarkKind
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import CostLineFactory, ListeningQueryFactory, PulseFactory

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


def test_no_mark_can_end_its_phrase_or_say_more_than_its_words():
    marks = [
        (MarkKind.NAME, "Acme\\"),
        (MarkKind.NAME, 'Acme") OR (cats'),
        (MarkKind.NAME, "OR"),
        (MarkKind.HASHTAG, "fly) OR (cats"),
        (MarkKind.HASHTAG, "#)("),
        (MarkKind.LINK, 'https://acme.example/" OR cats'),
    ]

    terms = listening.mark_terms(marks)

    assert terms == ["Acme", '"Acme) OR (cats"', '"OR"', "#flyORcats", 'url:"acme.example/ OR cats"']
    assert all(what_is_wrong(term) == "" for term in terms)


def test_two_brands_that_ask_for_the_very_same_share_the_rule_and_both_are_told():
    """Twitter has each value once: a rule for the second brand would be refused as known, and it would hear nothing."""
    same = "(luggage) -is:retweet"
    rules = listening.shared(
        [
            Rule(same, f"{ACME_HANDLE}:broad"),
            Rule("(else) -is:retweet", "5:broad"),
            Rule(same, f"{CANARY_HANDLE}:proactive"),
            Rule(same, f"{ACME_HANDLE}:broad"),
        ]
    )

    assert rules == [
        Rule(same, f"{ACME_HANDLE}:broad {CANARY_HANDLE}:proactive"),
        Rule("(else) -is:retweet", "5:broad"),
    ]
    told = listening.addressed(line("my luggage", rules[0].tag), KNOWN)
    assert {pk: json.loads(body)["matching_rules"] for pk, body in told.items()} == {
        ACME_HANDLE: [{"id": "9", "tag": f"{ACME_HANDLE}:broad"}],
        CANARY_HANDLE: [{"id": "9", "tag": f"{CANARY_HANDLE}:proactive"}],
    }


def test_however_many_brands_ask_for_the_same_no_tag_is_longer_than_twitter_takes():
    tags = [f"{10**18 + number}:proactive" for number in range(30)]

    rules = listening.shared([Rule("(luggage) -is:retweet", tag) for tag in tags])

    assert len({rule.value for rule in rules}) == len(rules) == 4
    assert all(len(rule.tag) <= 256 and what_is_wrong(rule.value) == "" for rule in rules)
    assert " ".join(rule.tag for rule in rules).split() == tags


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


@pytest.mark.parametrize("why", ["too many", "too dear"])
def test_a_query_that_brings_too_much_rests_and_what_names_the_brand_is_heard_all_the_same(acme, why):
    """All brands share one stream and one purse."""
    ListeningQueryFactory(query="the", reach=Reach.PROACTIVE)
    words = [rule.tag for rule in listening.rules_of_brand()]
    now = timezone.now()
    if why == "too many":
        PulseFactory(handle_id=ACME_HANDLE, source=Source.STREAM, heard=listening.MOST_HEARD, counted_at=now)
    else:
        ChannelSettings.objects.update(monthly_budget=1)
        CostLineFactory(on=now.date(), cost=2)

    assert f"{ACME_HANDLE}:proactive" in words
    assert [rule.tag for rule in listening.rules_of_brand()] == words[:-1]
    assert "rest" in listening.why_resting(ACME_HANDLE, now=now)
    # What came in an hour that is long over is no reason.
    Pulse.objects.update(counted_at=now - timedelta(hours=3))
    ChannelSettings.objects.update(monthly_budget=None)
    assert [rule.tag for rule in listening.rules_of_brand()] == words


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
