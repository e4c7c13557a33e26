import csv
import gzip
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inbox.twitter.recording import COLUMNS, NotARecording, Recording, account_id_of, names_for_brand, read
from inbox.twitter.shapes import instant_of

SHARED = Path(__file__).parents[4] / "shared"
SAMPLE = SHARED / "data" / "twcs_sample_5093.csv.gz"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is not here")

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
HEADER = ",".join(COLUMNS)


def line(
    tweet_id="1",
    author_id="900001",
    inbound="True",
    created_at="2024-05-01T10:00:00Z",
    text="@TernFerries is the noon ferry late?",
    in_reply_to="",
):
    packed = io.StringIO()
    csv.writer(packed, lineterminator="\n").writerow([tweet_id, author_id, inbound, created_at, text, "", in_reply_to])
    return packed.getvalue().removesuffix("\n")


def answer(tweet_id, in_reply_to, author_id="TernFerries", created_at="2024-05-01T10:05:00Z", text="@900001 Ten min."):
    return line(tweet_id, author_id, "False", created_at, text, in_reply_to)


@pytest.fixture
def recorded(tmp_path):
    """Writes lines to a file and reads them."""

    def write_and_read(*lines: str | bytes, packed: bool = False) -> Recording:
        content = b"\n".join(each.encode() if isinstance(each, str) else each for each in (HEADER, *lines)) + b"\n"
        path = tmp_path / "recording.csv"
        path.write_bytes(gzip.compress(content) if packed else content)
        return read(path, now=NOW)

    return write_and_read


def by_recorded_id(recording):
    return {tweet.recorded_id: tweet for tweet in recording.tweets}


# -- reading --------------------------------------------------------------------------------------------------------


def test_a_recording_is_read_plain_and_gzipped_alike(recorded):
    lines = (line("1"), answer("2", "1"))

    plain, packed = recorded(*lines), recorded(*lines, packed=True)

    assert plain == packed
    assert [(tweet.recorded_id, tweet.username, tweet.is_inbound) for tweet in plain.tweets] == [
        (1, "900001", True),
        (2, "TernFerries", False),
    ]
    assert plain.brands == ["TernFerries"]
    assert plain.bad_lines == []


def test_both_ways_to_write_a_time_mean_the_same(recorded):
    found = recorded(
        line("1", created_at="2017-10-31T22:10:47Z"),
        line("2", created_at="Tue Oct 31 22:10:47 +0000 2017"),
        line("3", created_at="2017-10-31T23:10:47+01:00"),
        line("4", created_at="2017-10-31 22:10:47"),
    )

    assert {tweet.created_at for tweet in found.tweets} == {datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)}


def test_html_entities_are_undone_exactly_once(recorded):
    found = recorded(line("1", text="Fish &amp; chips &lt;3"), line("2", text="I typed &amp;amp; myself"))

    assert [tweet.text for tweet in found.tweets] == ["Fish & chips <3", "I typed &amp; myself"]


def test_columns_may_stand_in_any_order_beside_others(tmp_path):
    path = tmp_path / "recording.csv"
    path.write_text(
        "\ufefftext,mood,tweet_id,inbound,author_id,created_at,in_response_to_tweet_id\n"
        "@TernFerries hello,fine,7,True,900001,2024-05-01T10:00:00Z,\n"
    )

    found = read(path, now=NOW)

    assert [(tweet.recorded_id, tweet.text) for tweet in found.tweets] == [(7, "@TernFerries hello")]


def test_a_text_may_have_line_breaks_commas_and_quotation_marks(recorded):
    text = 'First,\nsecond "quoted"\n\nfourth'

    found = recorded(line("1", text=text), line("2"))

    assert by_recorded_id(found)[1].text == text
    assert [tweet.line for tweet in found.tweets] == [2, 6]
    assert found.bad_lines == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (line("x1"), "tweet_id is 'x1', and not a number"),
        (line("0"), "tweet_id is '0', and not a number"),
        (line("99999999999999999999"), "tweet_id is '99999999999999999999', and not a number"),
        (line(in_reply_to="the first"), "in_response_to_tweet_id is 'the first', and not a number"),
        (line(inbound="perhaps"), "inbound is 'perhaps', and neither True nor False"),
        (line(created_at="yesterday"), "created_at is 'yesterday', and not a time"),
        (line(created_at="2024-02-30T10:00:00Z"), "created_at is '2024-02-30T10:00:00Z', and not a time"),
        (line(created_at="2031-01-01T00:00:00Z"), "created_at is '2031-01-01T00:00:00Z', which is yet to come"),
        (line(author_id="two words"), "author_id is 'two words', and neither a number nor a username"),
        (line(text="  \t "), "the text is empty"),
        (line(text="a\0b"), "holds NUL bytes"),
        (line(text="x" * 25_001), "the text has more than 25000 characters"),
        (line("7", in_reply_to="7"), "tweet 7 answers itself, directly or by way of others"),
        ("1,900001,True,2024-05-01T10:00:00Z", "has 4 columns, and not 7"),
        ("1,900001,True,2024-05-01T10:00:00Z,text,,,,", "has 9 columns, and not 7"),
        ('1,900001,True,2024-05-01T10:00:00Z,"never closed,,', "a quotation mark is opened and never closed"),
        ('1,900001,True,2024-05-01T10:00:00Z,"closed" too soon,,', "is not CSV (',' expected after '\"')"),
        (line().encode().replace(b"late", b"sp\xe4t"), "is not in UTF-8"),
        (answer("9", "1", author_id="AMuchTooLongBrandName"), None),
    ],
)
def test_a_wrong_line_is_told_with_its_number_and_costs_no_other(recorded, bad, why):
    found = recorded(line("100"), bad, line("101"), answer("102", "100"))

    assert [number for number, _ in found.bad_lines] == [3]
    assert why is None or found.bad_lines[0][1] == why
    assert [tweet.recorded_id for tweet in found.tweets] == [100, 101, 102]
    assert found.line_count == 4


def test_a_time_before_there_were_snowflakes_is_refused(recorded):
    found = recorded(line("1", created_at="2009-05-01T10:00:00Z"))

    assert found.tweets == []
    assert "before 4 Nov 2010" in found.bad_lines[0][1]


def test_of_two_lines_with_the_same_tweet_the_first_counts(recorded):
    found = recorded(line("1", text="@TernFerries first"), line("2"), line("1", text="@TernFerries second"))

    assert by_recorded_id(found)[1].text == "@TernFerries first"
    assert found.bad_lines == [(4, "tweet 1 was in line 2 already")]


def test_a_quotation_mark_inside_a_text_without_any_around_it_is_a_letter(recorded):
    found = recorded('1,900001,True,2024-05-01T10:00:00Z,a 6" deck,,', line("2", text="two\nlines"))

    assert [tweet.text for tweet in found.tweets] == ['a 6" deck', "two\nlines"]


def test_tweets_that_answer_each_other_in_a_circle_are_refused(recorded):
    found = recorded(line("1", in_reply_to="2"), line("2", in_reply_to="1"), line("3", in_reply_to="2"), line("4"))

    assert [number for number, _ in found.bad_lines] == [2, 3]
    assert [tweet.recorded_id for tweet in found.tweets] == [3, 4]


def test_a_file_that_is_cut_off_is_played_up_to_there(tmp_path):
    lines = [line(str(number), text=f"@TernFerries {number * 7919 % 10007} bags") for number in range(1, 3000)]
    packed = gzip.compress("\n".join([HEADER, *lines]).encode())
    path = tmp_path / "recording.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])

    found = read(path, now=NOW)

    assert 1000 < len(found.tweets) < 2000
    assert found.bad_lines == [(len(found.tweets) + 2, "the file is cut off here")]
    assert {tweet.text for tweet in found.tweets} <= {f"@TernFerries {n * 7919 % 10007} bags" for n in range(1, 3000)}


def test_a_damaged_file_is_played_up_to_the_damage(tmp_path):
    lines = [line(str(number), text=f"@TernFerries {number * 7919 % 10007} bags") for number in range(1, 3000)]
    packed = bytearray(gzip.compress("\n".join([HEADER, *lines]).encode()))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) // 2)
    path = tmp_path / "recording.csv.gz"
    path.write_bytes(packed)

    found = read(path, now=NOW)

    assert len(found.tweets) > 1000
    assert found.bad_lines[-1][1] == "the file is damaged from here on"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Line 1: the file is empty"),
        (b"tweet_id,author_id\n1,2\n", "does not name inbound, created_at, text, in_response_to_tweet_id"),
        ("tweet_id,author_id\n".encode("utf-16"), "in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "in UTF-8"),
        (b"x" * 3_000_000, "has no end"),
    ],
)
def test_a_file_that_is_no_recording_says_why(tmp_path, content, why):
    path = tmp_path / "recording.csv"
    path.write_bytes(content)

    with pytest.raises(NotARecording, match=why):
        read(path, now=NOW)


def test_a_file_that_cannot_be_opened_says_so(tmp_path):
    with pytest.raises(NotARecording, match="No such file"):
        read(tmp_path / "none.csv", now=NOW)
    with pytest.raises(NotARecording, match="Is a directory"):
        read(tmp_path, now=NOW)


# -- ids ------------------------------------------------------------------------------------------------------------


def test_an_id_carries_the_recorded_time_and_is_the_same_each_time(recorded):
    lines = [line(str(n), created_at=f"2024-05-01T10:00:{n:02d}Z") for n in range(1, 40)]

    found, again, part = recorded(*lines), recorded(*reversed(lines)), recorded(*lines[10:20])

    ids = {tweet.recorded_id: tweet.id for tweet in found.tweets}
    assert ids == {tweet.recorded_id: tweet.id for tweet in again.tweets}
    assert {tweet.recorded_id: tweet.id for tweet in part.tweets}.items() <= ids.items()
    assert all(instant_of(tweet.id) == tweet.created_at for tweet in found.tweets)
    assert all(len(str(pk)) in (18, 19) for pk in ids.values())


def test_a_reply_always_has_a_greater_id_than_what_it_answers(recorded):
    at = "2024-05-01T10:00:00Z"
    found = recorded(
        line("9", created_at=at),
        answer("5", "9", created_at=at),
        line("3", created_at=at, in_reply_to="5"),
        answer("1", "3", created_at="2024-05-01T09:59:00Z"),  # a clock that was wrong
    )

    assert [tweet.recorded_id for tweet in found.tweets] == [9, 5, 3, 1]
    assert [tweet.in_reply_to_id for tweet in found.tweets] == [None, *[tweet.id for tweet in found.tweets[:3]]]
    assert [instant_of(tweet.id).second for tweet in found.tweets] == [0, 0, 0, 0]


def test_tweets_whose_ids_would_be_equal_get_different_ones(recorded):
    lines = [line("5"), line(str(5 + 2**22)), line(str(5 + 2**23))]

    found, again = recorded(*lines), recorded(*reversed(lines))

    assert len({tweet.id for tweet in found.tweets}) == 3
    assert [(t.id, t.recorded_id) for t in found.tweets] == [(t.id, t.recorded_id) for t in again.tweets]


def test_a_missing_tweet_has_one_id_from_before_all_its_answers(recorded):
    found = recorded(answer("1", "77"), answer("2", "77", created_at="2024-05-01T10:04:00Z"), answer("3", "78"))

    missing = {tweet.recorded_id: tweet.in_reply_to_id for tweet in found.tweets}
    assert missing[1] == missing[2] != missing[3]
    assert instant_of(missing[1]) == datetime(2024, 5, 1, 10, 3, 59, tzinfo=UTC)


def test_accounts_have_long_ids_that_never_change():
    assert account_id_of("115712") == account_id_of("115712") != account_id_of("115713")
    assert account_id_of("TernFerries") == account_id_of("ternferries")
    assert {len(str(account_id_of(str(number)))) for number in range(2000)} == {18}


def test_a_number_too_long_for_a_username_becomes_a_short_one(recorded):
    found = recorded(line("1", author_id="1234567890123456789"), line("2", author_id="1234567890123456788"))

    names = [tweet.username for tweet in found.tweets]
    assert len(set(names)) == 2
    assert all(len(name) <= 15 for name in names)


# -- brands ---------------------------------------------------------------------------------------------------------


def test_a_customers_tweet_belongs_to_the_brand_that_answered_it_first(recorded):
    found = recorded(
        line("1", text="@MossAndBean and @TernFerries, who of you?"),
        answer("2", "1", author_id="TernFerries", created_at="2024-05-01T10:05:00Z"),
        answer("3", "1", author_id="MossAndBean", created_at="2024-05-01T10:01:00Z"),
    )

    assert {tweet.recorded_id: tweet.brand for tweet in found.tweets} == {
        1: "MossAndBean",
        2: "TernFerries",
        3: "MossAndBean",
    }


def test_an_unanswered_tweet_belongs_to_the_brand_nearest_in_its_tree(recorded):
    found = recorded(
        line("1", author_id="900001"),  # a parent's parent of what is answered
        line("2", author_id="900002", in_reply_to="1"),
        line("3", author_id="900003", in_reply_to="2"),
        answer("4", "3"),
        line("5", author_id="900004", in_reply_to="1"),  # beside it
        line("6", author_id="900003", in_reply_to="4", text="thanks"),  # after it
        answer("7", "99", author_id="MossAndBean"),
        line("8", author_id="900005", in_reply_to="7", text="@TernFerries see this"),
    )

    assert {tweet.recorded_id: tweet.brand for tweet in found.tweets} == {
        **dict.fromkeys((1, 2, 3, 4, 5, 6), "TernFerries"),
        **dict.fromkeys((7, 8), "MossAndBean"),
    }


def test_a_tweet_beside_no_brand_belongs_to_the_brand_it_names_or_to_none(recorded):
    found = recorded(
        answer("1", "99"),
        line("2", text="hey @ternferries where are you"),
        line("3", text="no brand here @nobody"),
        line("4", text="me too", in_reply_to="2"),
    )

    assert [by_recorded_id(found)[pk].brand for pk in (2, 3, 4)] == ["TernFerries", "", "TernFerries"]


def test_a_number_that_never_writes_stands_for_the_brand(recorded):
    found = recorded(
        line("1", author_id="900001", text="@900007 @900002 the ferry is late"),
        line("2", author_id="900002", text="@TernFerries @900007 indeed", in_reply_to="1"),
        answer("3", "1"),
    )
    authors = frozenset({"900001", "900002", "ternferries"})

    assert [names_for_brand(tweet, authors=authors) for tweet in found.tweets] == [["900007"], [], []]


@needs_shared_data
def test_the_sample_is_read_whole(recorded):
    found = read(SAMPLE, now=NOW)

    assert (len(found.tweets), len(found.brands), found.bad_lines) == (5093, 76, [])
    assert len({tweet.id for tweet in found.tweets}) == 5093
    assert all(tweet.brand for tweet in found.tweets)
    assert all(tweet.in_reply_to_id < tweet.id for tweet in found.tweets if tweet.in_reply_to_id)
    assert all(instant_of(tweet.id) - tweet.created_at < timedelta(seconds=1) for tweet in found.tweets)
    assert sum("&amp;" in tweet.text or "&lt;" in tweet.text or "&gt;" in tweet.text for tweet in found.tweets) == 0
