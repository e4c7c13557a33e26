import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from inbox.twitter import text as reading
from inbox.twitter.text import is_valid, normalised, unescape, weighted_length, without_leading_mentions

SHARED = Path(__file__).parents[4] / "shared"
CASES = SHARED / "data" / "twitter-text"
VECTORS = SHARED / "twitter" / "samples" / "text" / "weighted_length_vectors.json"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is not here")

# Twitter's cases come in kinds; each asks one of our functions and compares these fields of the answer.
ASKED = {
    "mentions": lambda text: [m.username for m in reading.mentions(text)],
    "mentions_with_indices": lambda text: [
        {"screen_name": m.username, "indices": [m.start, m.end]} for m in reading.mentions(text)
    ],
    "urls": lambda text: [u.url for u in reading.urls(text)],
    "urls_with_indices": lambda text: [{"url": u.url, "indices": [u.start, u.end]} for u in reading.urls(text)],
    "urls_with_directional_markers": lambda text: [
        {"url": u.url, "indices": [u.start, u.end]} for u in reading.urls(text)
    ],
    "tco_urls_with_params": lambda text: [u.url for u in reading.urls(text)],
    "hashtags": lambda text: [h.tag for h in reading.hashtags(text)],
    "hashtags_from_astral": lambda text: [h.tag for h in reading.hashtags(text)],
    "hashtags_with_indices": lambda text: [
        {"hashtag": h.tag, "indices": [h.start, h.end]} for h in reading.hashtags(text)
    ],
    "cashtags": lambda text: [c.symbol for c in reading.cashtags(text)],
    "cashtags_with_indices": lambda text: [
        {"cashtag": c.symbol, "indices": [c.start, c.end]} for c in reading.cashtags(text)
    ],
}


def cases(file, *kinds):
    path = CASES / file
    if not path.is_file():
        return []
    tests = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["tests"]
    return [
        pytest.param(kind, case["text"], case["expected"], id=f"{kind}-{number}")
        for kind in kinds or tests
        for number, case in enumerate(tests[kind])
    ]


@needs_shared_data
@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    cases(
        "validate.yml",
        "WeightedTweetsCounterTest",
        "WeightedTweetsWithDiscountedEmojiCounterTest",
        "UnicodeDirectionalMarkerCounterTest",
    ),
)
def test_a_text_weighs_what_twitters_own_cases_say(kind, text, expected):
    # The first kind is of the time before Twitter counted an emoji sequence as one.
    emoji_as_one = kind != "WeightedTweetsCounterTest"

    assert weighted_length(text, emoji_as_one=emoji_as_one) == expected["weightedLength"]
    assert is_valid(text) == expected["valid"]


@needs_shared_data
def test_every_text_weighs_what_twitters_library_computed():
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]

    wrong = [
        vector
        for vector in vectors
        if (weighted_length(vector["text"]), is_valid(vector["text"])) != (vector["weightedLength"], vector["valid"])
    ]

    assert len(vectors) == 1549
    assert wrong == []


@needs_shared_data
@pytest.mark.parametrize(("kind", "text", "expected"), cases("extract.yml", *ASKED))
def test_twitters_own_cases_find_the_same_names_links_and_tags(kind, text, expected):
    assert ASKED[kind](text) == expected


@needs_shared_data
def test_every_top_level_domain_that_twitter_knows_makes_a_link():
    known = cases("tlds.yml")

    wrong = [case.values[1] for case in known if [u.url for u in reading.urls(case.values[1])] != case.values[2]]

    assert len(known) == 1574
    assert wrong == []


def test_plain_text_weighs_its_letters():
    assert weighted_length("We are looking into it") == 22


def test_a_link_weighs_23_with_or_without_its_protocol():
    assert weighted_length("https://example.com/a/very/long/path?with=a&query=too#and-more") == 23
    assert weighted_length("t.co") == 23
    assert weighted_length("read example.com/help now") == 5 + 23 + 4


def test_a_sentence_that_lacks_a_space_is_a_link_only_before_a_known_domain():
    assert weighted_length("Thanks.We will look") == 19
    assert weighted_length("Thanks.In a moment") == 23 + len(" a moment")


def test_an_emoji_sequence_weighs_two():
    for emoji in ("👋", "👋🏽", "👨‍👩‍👧‍👦", "🇵🇹", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏳️‍🌈", "👩🏿‍🚀", "🏋️‍♀️", "❤️", "©️"):
        assert weighted_length(emoji) == 2, emoji


def test_two_letters_without_a_flag_are_two_signs():
    assert weighted_length("🇿🇿") == 4


def test_a_letter_and_its_accent_weigh_as_one_letter():
    assert weighted_length("cafe\u0301") == weighted_length("café") == 4


def test_an_empty_text_is_not_valid():
    assert not is_valid("")


def test_a_text_may_be_280_long_and_no_longer():
    assert is_valid("a" * 280)
    assert not is_valid("a" * 281)
    assert not is_valid("あ" * 141)


def test_a_brand_may_have_a_longer_limit():
    assert is_valid("a" * 281, limit=25_000)


def test_a_character_that_twitter_refuses_is_not_valid():
    assert not is_valid("hello \ufeff there")


def test_an_email_address_names_nobody():
    assert reading.mentions("write to jo@northwind.example please") == []


def test_a_name_inside_a_link_is_not_a_mention():
    assert reading.mentions("see https://medium.com/@northwind/news by @jo") == [reading.Mention("jo", 42, 45)]


def test_a_hashtag_inside_a_link_is_none():
    assert [tag.tag for tag in reading.hashtags("example.com/#top and #help")] == ["help"]


def test_the_names_that_twitter_puts_in_front_are_left_out():
    assert without_leading_mentions("@northwind @jo_doe where is my parcel, @jo_doe?") == "where is my parcel, @jo_doe?"
    assert without_leading_mentions("@northwind") == ""
    assert without_leading_mentions(".@northwind is late") == ".@northwind is late"
    assert without_leading_mentions("@northwind's parcel") == "@northwind's parcel"


def test_escapes_are_undone_once():
    assert unescape("Tom &amp; Jo &lt;3 &gt; &quot;") == "Tom & Jo <3 > &quot;"
    assert unescape("&amp;lt;") == "&lt;"


@pytest.mark.parametrize(
    ("posted", "shown"),
    [
        ("Sorry about that, Jo & Tom!", "@jo_doe Sorry about that, Jo &amp; Tom!"),
        ("@jo_doe Sorry <3", "@jo_doe @tom Sorry &lt;3"),
        ("Type &amp; for an ampersand", "Type &amp;amp; for an ampersand"),
        ("See northwind.example.com/help now", "See https://t.co/AbCdEf1234 now"),
        ("See https://example.com/a?b=1&c=2, please", "See https://t.co/AbCdEf1234, please"),
        ("One\n\n  two ", "@jo_doe One\n\ntwo"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_what_we_posted_equals_what_twitter_shows_of_it(posted, shown):
    assert normalised(posted) == normalised(shown)


def test_two_different_answers_stay_different():
    assert normalised("Your parcel is on its way") != normalised("Your parcel is on its way!")
    assert normalised("See example.com") != normalised("See below")


def test_a_hostile_text_is_read_in_time():
    for text in ("a_" * 12_500 + ".com", "あ." * 12_500, "a_b." * 6_250, "x.com" * 5_000, "(" * 25_000, "@a#" * 8_000):
        assert weighted_length(text) > 0
        normalised(text)
        reading.mentions(text)
        reading.hashtags(text)


# Pieces that meet at every rule's edge find more than letters drawn at random.
pieces = st.lists(
    st.sampled_from(
        [*"a.@#$/-_:?& \n🙋🏽é漢あﬁ\u0301\u200d\ufe0f", "https://", "x.com", "t.co/a", "xn--", "&amp;", "👩‍💻"]
    )
    | st.characters(),
    max_size=40,
).map("".join)


@given(pieces)
def test_no_text_is_too_strange_to_read(text):
    weighted_length(text)
    is_valid(text)
    normalised(text)
    unescape(text)
    without_leading_mentions(text)
    reading.cashtags(text)

    for found in (*reading.mentions(text), *reading.urls(text), *reading.hashtags(text)):
        assert 0 <= found.start < found.end <= len(text)
        assert text[found.start : found.end].endswith(found[0][-1])


@given(pieces, pieces)
def test_two_lines_weigh_no_more_than_their_sum(one, other):
    assert weighted_length(f"{one}\n{other}") <= weighted_length(one) + 1 + weighted_length(other)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters=".")))
def test_plain_ascii_without_a_dot_weighs_its_length(text):
    assert weighted_length(text) == len(text)


@given(pieces)
def test_a_text_without_links_weighs_between_nothing_and_two_each(text):
    if not reading.urls(text):
        assert 0 <= weighted_length(text) <= 2 * len(text) * 3


@given(pieces)
def test_comparing_forms_is_stable(text):
    assert normalised(normalised(text)) == normalised(text)
