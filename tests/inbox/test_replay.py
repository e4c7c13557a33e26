"""`manage.py replay` against everything running: sandbox, webhook, letterbox, carrier."""

import csv
import gzip
import io
import subprocess
import sys
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection

from inbox import queries
from inbox.models import Arrival, Conversation, Event, Message
from tenants import entry, schemas
from tenants.models import Brand
from tests.conftest import SHARED
from tests.services import together

pytestmark = [together, pytest.mark.commits]

SAMPLE = SHARED / "data" / "twcs_sample_5093.csv.gz"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is not here")

SMALL = """\
tweet_id,author_id,inbound,created_at,text,response_tweet_id,in_response_to_tweet_id
1,700001,True,2024-05-01T10:00:00Z,@GullRail is the 10:15 running? Fish &amp; chips on board?,2,
2,GullRail,False,2024-05-01T10:02:00Z,@700001 It is. And yes!,3,1
3,700001,True,2024-05-01T10:03:00Z,@GullRail thank you,,2
4,700002,True,2024-05-01T10:03:00Z,@700001 @GullRail not from platform 2,,2
5,GullRail,False,2024-05-01T09:00:00Z,Good morning! All trains run today.,6,
6,700003,True,2024-05-01T09:10:00Z,@GullRail they do not,7,5
7,GullRail,False,2024-05-01T09:40:00Z,"@700003 Sorry, which one?",,6
8,FernBank,False,2024-05-01T11:00:00Z,@700004 Please call us.,,99
9,700005,True,2024-05-01T11:00:00Z,@fernbank my card is gone,,
10,700006,True,2024-05-01T11:00:00Z,nobody is named here,,
11,700006,perhaps,2024-05-01T11:00:00Z,@FernBank hello,,
"""


class Replayed:
    """One run of the command: its exit code and what it printed."""

    def __init__(self, run: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr

    def number(self, what: str) -> int:
        """The number of a line of the summary, by the words before or after it."""
        rows = [line.split(None, 2) if line[:1].strip() else ["", *line.split(None, 1)] for line in self.lines()]
        found = [row for row in rows if what == row[0] or (len(row) > 2 and row[0] == "" and what in row[2])]
        assert len(found) == 1, (what, self.out, self.err)
        return int(found[0][1].replace(",", ""))

    def lines(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith(("read", "played", "carried", " ", "brands"))]


@pytest.fixture(scope="module")
def replay(running, django_db_blocker):
    """Runs the command as a person does; the brands that it made are dropped at the end."""

    def run(file: Path, *options: str, agency: str = "quay", **env: str) -> Replayed:
        command = [sys.executable, "manage.py", "replay", str(file), "--agency", agency, *options]
        run = subprocess.run(
            command, env={**running.env, **env}, capture_output=True, text=True, timeout=200, check=False
        )
        return Replayed(run)

    yield run
    with django_db_blocker.unblock():
        for brand in brands_of("quay") + brands_of("sample"):
            schemas.drop_brand(brand=brand)
        connection.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "small.csv"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def played(replay, small):
    """The small recording, played once."""
    return replay(small, "--onboard")


@pytest.fixture
def unblocked(played, django_db_blocker):
    """The database, as the processes have committed it."""
    with django_db_blocker.unblock():
        yield
        connection.close()


def brands_of(slug: str) -> list[Brand]:
    with entry.directory():
        return list(Brand.objects.filter(agency__slug=slug).order_by("name"))


def brand_called(name: str) -> Brand:
    return next(brand for brand in brands_of("quay") if brand.name == name)


def test_every_line_is_accounted_for(played):
    assert played.code == 1  # one line could not be used
    assert "line 12: inbound is 'perhaps', and neither True nor False" in played.err
    assert played.number("read") == 11
    assert played.number("played") == played.number("carried") == 9
    assert played.number("in 5 conversations") == 8
    assert played.number("the brand's own tweet that answers nobody") == 1
    assert played.number("names no brand of the file") == 1
    assert played.number("brands") == 2
    assert "0 of them with two customers" in played.out
    assert "supervisor@quay.example" in played.out
    assert "\r" not in played.err  # no progress bar where nobody watches


def test_the_tweets_are_where_they_belong_as_they_were_written(unblocked):
    with entry.brand(brand_called("GullRail")):
        found = {message.text: message for message in Message.objects.select_related("conversation__customer")}
        customers = {text: message.conversation.customer.username for text, message in found.items()}

    question = "@GullRail is the 10:15 running? Fish & chips on board?"
    assert customers == {
        question: "700001",
        "@700001 It is. And yes!": "700001",
        "@GullRail thank you": "700001",
        "@700001 @GullRail not from platform 2": "700002",
        "@GullRail they do not": "700003",
        "@700003 Sorry, which one?": "700003",
    }
    assert found[question].created_at == datetime.fromisoformat("2024-05-01T10:00:00Z")
    assert found["@700001 It is. And yes!"].in_reply_to_id == found[question].pk


def test_a_reply_to_a_missing_tweet_is_with_the_customer_it_names(unblocked):
    with entry.brand(brand_called("FernBank")):
        texts = dict(Message.objects.values_list("text", "conversation__customer__username"))

    assert texts == {"@700004 Please call us.": "700004", "@fernbank my card is gone": "700005"}


def test_a_second_run_changes_nothing(replay, small, unblocked):
    before = {brand.name: entry.in_brand(brand, everything) for brand in brands_of("quay")}

    again = replay(small, "--onboard")

    assert "all already known" in again.out
    assert "supervisor@quay.example" not in again.out
    assert again.number("carried") == 9
    assert {brand.name: entry.in_brand(brand, everything) for brand in brands_of("quay")} == before


def test_only_some_brands_are_played_when_asked(replay, small, played):
    found = replay(small, "--onboard", "--only", "fernbank")

    assert found.number("played") == 2
    assert found.number("its brand was not asked for (--only)") == 7
    assert found.number("brands") == 1


def test_brands_that_are_not_here_are_skipped_with_that_reason(replay, small, played):
    path = small.with_name("other.csv")
    path.write_text(SMALL.replace("FernBank", "OtherBank").replace("fernbank", "otherbank"))

    found = replay(path)

    assert found.number("its brand is not here (--onboard makes it)") == 2
    assert found.number("played") == 7


def test_where_no_brand_is_here_the_way_to_make_them_is_said(replay, small, played):
    path = small.with_name("nobody.csv")
    path.write_text(SMALL.replace("FernBank", "Nobody1").replace("GullRail", "Nobody2"))

    found = replay(path)

    assert (found.code, found.out) == (1, "")
    assert "None of the file's brands is here. `--onboard` makes them." in found.err


def test_a_recording_can_be_played_at_a_pace(replay, small, played):
    path = small.with_name("paced.csv")
    lines = [f"{100 + n},70001{n},True,2024-06-01T10:{n}0:00Z,@GullRail the train of {n} is late,," for n in range(4)]
    path.write_text(
        "\n".join([SMALL.split("\n")[0], *lines, "200,GullRail,False,2024-06-01T10:30:00Z,@700010 Sorry.,,100"])
    )
    start = time.monotonic()

    found = replay(path, "--speed", "600")  # thirty minutes in three seconds

    assert found.code == 0
    assert found.number("carried") == 5
    assert 3 < time.monotonic() - start < 20


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_a_speed_that_is_none_is_refused(replay, small, speed):
    found = replay(small, f"--speed={speed}")

    assert found.code != 0
    assert "is neither a number above 0 nor max" in found.err


def test_without_a_sandbox_it_says_what_to_start(replay, small):
    found = replay(small, NIGHTJAR_TWITTER_URL="http://127.0.0.1:9")

    assert found.code == 1
    assert "none answers here. Start Nightjar first, in another terminal: make run" in found.err


def test_without_a_webhook_it_says_what_to_start(replay, small, played):
    found = replay(small, NIGHTJAR_TWITTER_WEBHOOK_URL="http://localhost:9/twitter/webhook")
    mended = replay(small)  # which registers the webhook that is there again

    assert found.code == 1
    assert "The webhook did not answer the challenge" in found.err
    assert "make run" in found.err
    assert mended.number("carried") == 9


def test_a_file_that_is_no_recording_is_refused(replay, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("milk, bread\n")

    found = replay(path)

    assert (found.code, found.out) == (1, "")
    assert "Line 1: it does not name tweet_id" in found.err


@needs_shared_data
@pytest.mark.slow
def test_the_sample_is_played_whole_and_measured_as_the_file_says(replay, running, django_db_blocker):
    found = replay(SAMPLE, "--onboard", "--speed", "max", agency="sample")

    assert found.code == 0, found.out + found.err
    assert found.number("read") == found.number("played") == found.number("carried") == 5093
    assert found.number("brands") == 76
    assert "0 of them with two customers" in found.out
    with django_db_blocker.unblock():
        check_conversations()
        connection.close()
    measured = subprocess.run(
        [sys.executable, "manage.py", "first_response", "--format", "csv", "--agency", "sample"],
        env=running.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(csv.reader(io.StringIO(measured.stdout))) == expected_figures()


def check_conversations() -> None:
    """Each customer has one conversation with each brand they met; what is in none answers nobody."""
    met, met_in_file, outcomes = set(), set(), defaultdict(int)
    for brand in brands_of("sample"):
        with entry.brand(brand):
            met |= {(brand.name, row) for row in Conversation.objects.values_list("customer__username", flat=True)}
            for outcome, number in queries.outcomes().items():
                outcomes[outcome] += number
            assert not Conversation.objects.filter(messages=None).exists()
    rows = sample_rows()
    author_of = {row["tweet_id"]: row["author_id"] for row in rows}
    for row in rows:
        parent = row["in_response_to_tweet_id"]
        if row["inbound"] == "False" and parent in author_of and author_of[parent] != row["author_id"]:
            met_in_file.add((row["author_id"], author_of[parent]))
    assert met_in_file <= met
    assert dict(outcomes) == {"message": 5071, "broadcast": 22}


def expected_figures() -> list[list[str]]:
    """The report worked out from the file alone."""
    rows = sample_rows()
    at = {row["tweet_id"]: datetime.fromisoformat(row["created_at"]).timestamp() for row in rows}
    openers = {row["tweet_id"] for row in rows if row["inbound"] == "True" and not row["in_response_to_tweet_id"]}
    first: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row["author_id"], row["in_response_to_tweet_id"])
        if row["inbound"] == "False" and key[1] in openers:
            first[key] = min(at[row["tweet_id"]] - at[key[1]], first.get(key, float("inf")))
    times = defaultdict(list)
    for (brand, _), seconds in first.items():
        times[brand].append(seconds)
    brands = sorted({row["author_id"] for row in rows if row["inbound"] == "False"}, key=str.lower)
    figures = [[name, str(len(times[name])), part(times[name], 0.5), part(times[name], 0.9)] for name in brands]
    return [["brand", "n", "median_s", "p90_s"], *figures]


def part(values: list[float], share: float) -> str:
    if not values:
        return ""
    values = sorted(values)
    place = (len(values) - 1) * share
    low, high = values[int(place)], values[min(int(place) + 1, len(values) - 1)]
    return f"{low + (high - low) * (place % 1):.3f}".rstrip("0").rstrip(".")


def sample_rows() -> list[dict[str, str]]:
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def everything() -> dict[str, int]:
    """How much there is of everything in the current brand."""
    return {
        "arrivals": Arrival.objects.count(),
        "messages": Message.objects.count(),
        "conversations": Conversation.objects.count(),
        "events": Event.objects.count(),
        "newest": queries.newest_seq(),
    }
