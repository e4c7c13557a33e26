"""Rules of the stream: packed under Twitter's limits, none of them losing a term."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.twitter.rule_language import what_is_wrong
from inbox.twitter.rules import SUFFIX, Rule, fit, pack

TERMS = st.lists(st.from_regex(r"\A[@#]?[a-z0-9]{1,60}\Z"), max_size=120)


@given(terms=TERMS, longest=st.integers(min_value=64, max_value=2048))
def test_every_term_is_whole_in_exactly_one_rule_and_no_rule_is_too_long(terms, longest):
    rules, too_long = pack(terms, tag="direct", longest=longest)

    packed = [term for rule in rules for term in _terms_of(rule)]
    assert packed + too_long == sorted(set(terms), key=[*packed, *too_long].index)
    assert sorted(packed + too_long) == sorted(set(terms))
    assert all(len(rule.value) <= longest and rule.tag == "direct" for rule in rules)


@given(terms=TERMS)
def test_no_rule_could_take_in_the_first_term_of_the_next(terms):
    rules, _ = pack(terms, tag="direct", longest=256)

    for before, after in zip(rules, rules[1:], strict=False):
        assert len(before.value) + len(" OR ") + len(_terms_of(after)[0]) > 256


@given(
    counts=st.lists(st.integers(min_value=0, max_value=6), max_size=30), most=st.integers(min_value=0, max_value=100)
)
def test_where_room_is_short_each_brand_gets_its_first_rule_before_any_gets_a_second(counts, most):
    wanted = [[Rule(f"{brand}-{turn}", str(brand)) for turn in range(count)] for brand, count in enumerate(counts)]

    fitting, left_out = fit(wanted, most=most)

    assert len(fitting) == min(most, sum(counts))
    assert sorted(rule.value for rule in fitting + left_out) == sorted(rule.value for rules in wanted for rule in rules)
    if left_out:
        given_to = [sum(rule.tag == str(brand) for rule in fitting) for brand in range(len(counts))]
        least = min(given_to[int(rule.tag)] for rule in left_out)
        assert max(given_to) <= least + 1


@given(terms=TERMS.filter(bool))
def test_what_is_packed_is_a_rule_that_twitter_takes(terms):
    rules, _ = pack(terms, tag="direct", longest=1024)

    assert [what_is_wrong(rule.value) for rule in rules] == [""] * len(rules)


@pytest.mark.parametrize(
    "query",
    [
        "lounge",
        '"Acme Air" (delay OR cancelled) -is:retweet lang:en',
        "#AcmeFail OR $ACME OR @someone",
        'url:"acme.example/app" has:links',
        "from:1234 OR to:somebody",
        "(cold OR (stale bread)) -(joke OR satire)",
    ],
)
def test_a_good_query_has_nothing_wrong(query):
    assert what_is_wrong(query) == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Write what to listen for"),
        ('"Acme', "quotation mark"),
        ("(a OR b", "bracket is open"),
        ("a)", "never open"),
        ("a OR", "OR stands between"),
        ("OR a", "OR stands between"),
        ("a AND b", "Twitter has no AND"),
        ("-lounge", "one thing to find"),
        ("lang:en has:links", "one thing to find"),
        ("lounge OR is:reply", "one thing to find"),
        ("is:cute lounge", "“is:” knows"),
        ("mood:bad", "Twitter has no “mood:”"),
        ("a ()", "Nothing stands between two brackets"),
        ("a -", "minus stands before nothing"),
    ],
)
def test_what_twitter_would_refuse_is_said_in_a_sentence(query, said):
    assert said in what_is_wrong(query)


def _terms_of(rule: Rule) -> list[str]:
    inner = re.fullmatch(r"\((.*)\)" + re.escape(SUFFIX), rule.value)
    assert inner
    return inner[1].split(" OR ")
