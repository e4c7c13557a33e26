"""Scenarios: files that are read strictly, plans that are always the same, customers who react to what brands say."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from inbox.twitter.sandbox.scenarios import format as scenarios
from inbox.twitter.sandbox.scenarios.__main__ import main
from inbox.twitter.sandbox.scenarios.planning import brands_of, plan
from inbox.twitter.sandbox.scenarios.player import Player
from inbox.twitter.sandbox.scenarios.reading import Unreadable
from inbox.twitter.sandbox.scenarios.stage import Stage
from tests.twitter.playing import World, eventually

SHIPPED = [path.stem for path in scenarios.shipped()]
NAMES = {"KiriMobile": "Kiri Mobile", "AcmeAir": "Acme Air", "BoltAndBrew": "Bolt & Brew"}
SMALL = """
title: A small one
minutes: 10
seed: 7
words: words.yaml
brands: {AcmeAir: airline}
rhythm: {0: 6, 10: 6}
"""
STORY = """
habits: {story: 1}
stories:
  - name: a bag
    trade: airline
    language: en
    opens: ["{handle} where is my bag?"]
    steps:
      - patience: 15
        answered: {says: ["Booking is {booking}."], after: [0.1, 0.1]}
        invited: {by: private, says: ["Hello, me again."], after: [0.1, 0.1]}
        unanswered: {by: mention, says: ["{handle} hello?"], after: [0.1, 0.1]}
      - patience: 15
        answered: {says: ["Thank you!"], after: [0.1, 0.1], deletes: true, ends: true}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """A scenario file with this text, beside the words that ship."""
    (tmp_path / "words.yaml").write_text((scenarios.HERE / "words.yaml").read_text())

    def write(text: str) -> Path:
        (tmp_path / "mine.yaml").write_text(text)
        return tmp_path / "mine.yaml"

    return write


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_varied_and_speaks_several_languages(name: str) -> None:
    scenario = scenarios.read(scenarios.find(name))

    acts = plan(scenario, brands_of(scenario, ()), NAMES, 0)

    said = Counter(act.text for act in acts if act.text)
    assert len(said) > 0.9 * said.total()
    assert {act.language for act in acts} >= {"en", "de", "es", "fr", "pt"}
    assert {act.kind for act in acts} >= {"mention", "reply", "quote", "broad", "proactive", "private", "story"}
    assert [act.minute for act in acts] == sorted(act.minute for act in acts)


def test_the_ordinary_day_is_a_tweet_every_half_minute() -> None:
    scenario = scenarios.read(scenarios.find("ordinary-day"))

    acts = plan(scenario, scenario.brands, NAMES, 0)

    assert 90 <= len([act for act in acts if not act.about]) <= 180


def test_an_outage_breaks_at_minute_twelve_with_hundreds_of_tweets() -> None:
    scenario = scenarios.read(scenarios.find("outage"))

    acts = plan(scenario, scenario.brands, NAMES, 0)

    quarters = Counter(int(act.minute // 12) for act in acts if act.brand == "KiriMobile")
    assert quarters[1] > 10 * quarters[0]
    assert len(acts) > 700


def test_the_same_seed_plays_the_same_hour_and_the_next_round_another() -> None:
    scenario = scenarios.read(scenarios.find("outage"))

    first, again, next_round = (plan(scenario, scenario.brands, NAMES, round_) for round_ in (0, 0, 1))

    assert first == again
    assert [act.text for act in first] != [act.text for act in next_round]


def test_broad_texts_name_the_brand_and_not_its_handle() -> None:
    scenario = scenarios.read(scenarios.find("outage"))

    acts = plan(scenario, scenario.brands, NAMES, 0)

    for act in acts:
        if act.kind == "broad":
            assert NAMES[act.brand] in act.text
        if act.kind in ("broad", "proactive"):
            assert f"@{act.brand}" not in act.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("minutes: 10", "minutes: ten"), "mine.yaml, line 3: minutes should be a number from 1 to 1440, not 'ten'."),
        (("seed: 7", "sead: 7"), "mine.yaml, line 4: sead is not known here."),
        (
            ("airline", "space"),
            "mine.yaml, line 6: brands.AcmeAir should be one of airline, coffee, phone, not 'space'.",
        ),
        (("{0: 6, 10: 6}", "{0: 6, 99: 6}"), "mine.yaml, line 7: rhythm.99 should be a minute from 0 to 10."),
        (("rhythm: {0: 6, 10: 6}", ""), "mine.yaml, line 2: the file lacks `rhythm`."),
        (("title: A small one", "title: [A"), "mine.yaml, line 3: this is not YAML"),
        (("AcmeAir", "Acme-Air"), "brands.Acme-Air is not a username"),
        (("seed: 7", "seed: 7\nseed: 8"), "mine.yaml, line 5: seed is there twice."),
        (("seed: 7", "languages: {xx: 1}"), "mine.yaml, line 4: languages has `xx`"),
        (("seed: 7", "moods: {bored: 1}"), "mine.yaml, line 4: moods.bored is not known here."),
        (("seed: 7", "habits: {long: 2}"), "habits.long should be a number from 0 to 1, not '2'."),
        (("words.yaml", "no.yaml"), "no.yaml cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(
    written: Callable[[str], Path], change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        scenarios.read(written(SMALL.replace(*change)))

    assert sentence in str(refused.value)


def test_a_slot_that_nothing_fills_is_found_before_anybody_plays(written: Callable[[str], Path]) -> None:
    with pytest.raises(Unreadable, match=r"stories\[1\]\.opens\[1\] has the slot \{bagage\}"):
        scenarios.read(written(SMALL + STORY.replace("my bag?", "my {bagage}?")))


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nothing"]) == 1
    assert "There are: delayed-flight, ordinary-day, outage." in capsys.readouterr().out
    assert main(["check", "outage"]) == 0


def test_a_player_goes_on_where_it_was(world: World, written: Callable[[str], Path], tmp_path: Path) -> None:
    scenario, keep = scenarios.read(written(SMALL)), tmp_path / "kept.json"
    with Stage(world.url) as stage:
        Player(scenario, stage, speed=600, minutes=4, keep=keep).run()
        before = len(world.ledger())
        Player(scenario, stage, speed=600, keep=keep).run()

    texts = [line["text"] for line in world.ledger()]
    planned = plan(scenario, scenario.brands, {"AcmeAir": "AcmeAir"}, 0)
    assert 0 < before < len(texts)
    assert sorted(texts) == sorted(act.text for act in planned)


def test_a_customer_waits_reacts_to_the_answer_and_takes_the_tweet_back(
    world: World, written: Callable[[str], Path]
) -> None:
    scenario = scenarios.read(written((SMALL + STORY).replace("{0: 6, 10: 6}", "{0: 2.6, 1: 0}")))
    brand = world.person("AcmeAir")
    playing, player = _played(world, scenario)

    opening = _say_of(world, "where is my bag?")
    world.tweeted("AcmeAir", "Sorry! What is your booking?", opening["id"])
    booking = _say_of(world, "Booking is")
    world.tweeted("AcmeAir", "Found it, it comes tomorrow.", booking["id"])
    thanks = _say_of(world, "Thank you!")
    playing.join(20)

    assert booking["text"].startswith("@AcmeAir ")
    assert thanks["in_reply_to_tweet_id"] in {line["id"] for line in world.ledger() if line["author_id"] == brand}
    assert eventually(lambda: next(line for line in world.ledger() if line["id"] == opening["id"])["deleted"])
    assert all(one.is_over for one in player.told)


def test_a_customer_who_hears_nothing_becomes_loud(world: World, written: Callable[[str], Path]) -> None:
    scenario = scenarios.read(written((SMALL + STORY).replace("{0: 6, 10: 6}", "{0: 2.6, 1: 0}")))

    with Stage(world.url) as stage:
        Player(scenario, stage, speed=3000).run(sleep=doze)

    openings = [line for line in world.ledger() if "where is my bag?" in line["text"]]
    assert len(openings) == 1
    assert len([line for line in world.ledger() if line["text"] == "@AcmeAir hello?"]) == 2


def test_what_is_kept_is_plain_and_of_one_scenario(
    world: World, written: Callable[[str], Path], tmp_path: Path
) -> None:
    keep = tmp_path / "kept.json"
    with Stage(world.url) as stage:
        Player(scenarios.read(written(SMALL)), stage, speed=3000, keep=keep).run()
        kept = json.loads(keep.read_text())
        other = Player(scenarios.read(written(SMALL.replace("A small one", "Another"))), stage, keep=keep)

    assert kept["done"] > 0
    assert other.kept.done == 0


def _played(world: World, scenario: scenarios.Scenario) -> tuple[threading.Thread, Player]:
    """The scenario, being played in a thread of its own."""
    stage = Stage(world.url)
    player = Player(scenario, stage, speed=120)
    thread = threading.Thread(target=partial(player.run, sleep=doze), daemon=True)
    thread.start()
    return thread, player


def doze(seconds: float) -> None:
    """Who plays in a test looks often, so that nobody waits for its naps."""
    time.sleep(min(seconds, 0.05))


def _say_of(world: World, words: str) -> dict[str, str]:
    """The first tweet with these words, once it is there."""
    assert eventually(lambda: any(words in line["text"] for line in world.ledger()), seconds=15)
    return next(line for line in world.ledger() if words in line["text"])
