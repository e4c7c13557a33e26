"""Our own sums of VADER's tables: the same answers as VADER's, and none of its detours."""

import csv
import gzip
import random
from pathlib import Path

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from inbox.domain.sentiment import Ear
from inbox.domain.triage import heads

DATA = Path(__file__).parents[4] / "shared" / "data"
WORDS = """
    not never without doubt so this very kind of sort least at but no nor or great GREAT awful sad happy love LOVE hate
    the shit bomb yeah right to die for bus stop kiss death don't isn't just enough bag flight hello 😀 😡 ❤️ :) :(
    good! bad? wow!!! lol absolutely BARELY hardly
""".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def vader():
    return SentimentIntensityAnalyzer()


@pytest.fixture(scope="module")
def ear():
    return Ear({})


def answer(vader, text):
    found = vader.polarity_scores(text)
    return found["compound"], found["neg"] > 0


def test_words_thrown_together_are_worth_what_vader_says(vader, ear):
    dice = random.Random(4)
    for _ in range(5000):
        text = " ".join(dice.choices(WORDS, k=dice.randrange(9))) + dice.choice(["", "!", "!!!!!", "??", "????"])
        assert ear.hear(text) == answer(vader, text), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "!!!",
        "😀😀 😡x",
        "NO NO NO",
        "but but but",
        "not so good but very, very GOOD!",
        "kind of",
        "kind of nice",
    ],
)
def test_odd_texts_are_worth_what_vader_says(vader, ear, text):
    assert ear.hear(text) == answer(vader, text)


@pytest.mark.skipif(not DATA.is_dir(), reason="shared data is not here")
def test_real_tweets_are_worth_what_vader_says(vader, ear):
    with gzip.open(DATA / "airline_sentiment_4.csv.gz", "rt", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]

    assert [text for text in texts if ear.hear(text) != answer(vader, text)] == []
    assert len(texts) > 3000


def test_words_of_our_own_count_like_any():
    assert Ear({"bagless": -3.0}).hear("a bagless day") == (-0.6124, True)
    assert Ear({}).hear("a bagless day") == (0.0, False)


@pytest.mark.parametrize(
    ("pattern", "begins"),
    [
        ("stranded", {"str"}),
        ("(?:no|zero) (?:an? )?reply", {"no ", "zer"}),
        ("(?:a )?fire", {"a f", "fir"}),
        ("s[ou]b", {"sob", "sub"}),
        ("at", {"at"}),
        ("(?:my )*bag(?! tag)", {"my ", "bag"}),
    ],
)
def test_the_first_letters_of_a_sign_are_known(pattern, begins):
    assert heads(pattern) == begins
