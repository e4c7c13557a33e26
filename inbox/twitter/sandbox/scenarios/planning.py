"""A scenario as a list of acts, the same for the same seed: who says what to whom, at which minute."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inbox.twitter.sandbox.scenarios.format import Burst, Scenario, Story

PEOPLE = 900
LONG = 700  # characters that a long post reaches


@dataclass(frozen=True)
class Act:
    """One thing that somebody does at a minute. `key` is its name within one playing of the hour."""

    key: str
    minute: float
    kind: str  # a way of reach, or story, edit, deletion, repost
    person: int
    brand: str = ""
    text: str = ""
    language: str = "en"
    picture: str = ""  # its alt text
    about: str = ""  # the key of the act that is edited, deleted, reposted
    story: int = -1


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    followers: int


def person(scenario: Scenario, number: int) -> Person:
    """The invented person with this number."""
    words, drawn = scenario.words, random.Random(f"person {number}")
    first, last = drawn.choice(words.first_names), drawn.choice(words.last_names)
    plain = "".join(letter for letter in f"{first}{last}".lower() if letter.isascii() and letter.isalnum())
    username = f"{plain[:11] or 'someone'}_{number % 1000:03}"
    return Person(username, f"{first} {last}", int(math.exp(drawn.gauss(5, 1.6))))


def brands_of(scenario: Scenario, usernames: Sequence[str]) -> dict[str, str]:
    """The brands to play it with, each with its trade: those asked for take the places of those written down."""
    if not usernames:
        return dict(scenario.brands)
    trades = list(scenario.brands.values())
    asked = [one.partition(":") for one in usernames]
    return {name: trade or trades[place % len(trades)] for place, (name, _, trade) in enumerate(asked)}


def plan(scenario: Scenario, brands: Mapping[str, str], names: Mapping[str, str], round_: int) -> list[Act]:
    """Every act of one playing, in order. `names` are what people call the brands when they do not name the handle."""
    return sorted(_Writer(scenario, brands, names, round_).acts(), key=lambda act: (act.minute, act.key))


class _Writer:
    def __init__(self, scenario: Scenario, brands: Mapping[str, str], names: Mapping[str, str], round_: int) -> None:
        self.scenario, self.brands, self.names, self.round = scenario, brands, names, round_
        self.random = random.Random(f"{scenario.seed} {round_}")
        self.written = 0
        self.lately: list[int] = []
        self.own = dict(zip(scenario.brands, brands, strict=False))  # written username → whom it is played with

    def acts(self) -> Iterator[Act]:
        owed = 0.0
        for minute in range(math.ceil(self.scenario.minutes)):
            weights = [self.scenario.rate(minute + 0.5), *self._bursts(minute)]
            owed += sum(weights) * self.random.uniform(0.8, 1.2)
            for _ in range(int(owed)):
                drawn = self.random.choices([None, *self.scenario.bursts], weights)[0] if sum(weights) else None
                yield from self._act(minute + self.random.random(), drawn)
            owed -= int(owed)

    def _bursts(self, minute: float) -> list[float]:
        usual = self.scenario.rate(minute + 0.5)
        return [usual * burst.strength(minute + 0.5) for burst in self.scenario.bursts]

    def _act(self, minute: float, burst: Burst | None) -> Iterator[Act]:
        scenario, habits = self.scenario, self.scenario.habits
        key = f"{self.round}-{self.written}"
        self.written += 1
        brand = self.own.get(burst.brand, "") if burst else ""
        brand = brand or self.random.choice(list(self.brands))
        language = self._drawn(scenario.languages)
        if not burst and self.random.random() < habits["story"] and (story := self._story(brand, language)) is not None:
            yield self._opening(key, minute, brand, scenario.stories[story], story)
            return
        mood = self._drawn(burst.moods if burst else scenario.moods)
        kind = self._drawn(scenario.reach)
        text = self.text(kind, brand, language, mood, burst)
        is_long = kind != "private" and self.random.random() < habits["long"]
        act = Act(
            key=key,
            minute=minute,
            kind=kind,
            person=self._person(),
            brand=brand,
            text=self._longer(text, kind, brand, language, mood, burst) if is_long else text,
            language=language,
            picture=self.random.choice(scenario.words.pictures) if self.random.random() < habits["picture"] else "",
        )
        yield act
        yield from self._afterwards(act)

    def _afterwards(self, act: Act) -> Iterator[Act]:
        habits = self.scenario.habits
        if act.kind == "private":
            return
        # Twitter lets nobody edit a reply.
        if act.kind != "reply" and self.random.random() < habits["edited"]:
            text = act.text.rstrip(".!? …") + self.random.choice(
                (" (edited: typo)", "!", ". Sorry, typing on the move.")
            )
            yield self._later(act, "edit", text)
        if self.random.random() < habits["deleted"]:
            yield self._later(act, "deletion")
        if self.random.random() < habits["reposted"]:
            yield self._later(act, "repost", person=self.random.randrange(PEOPLE))

    def _later(self, act: Act, kind: str, text: str = "", person: int | None = None) -> Act:
        minute = act.minute + self.random.uniform(0.5, 8)
        by = act.person if person is None else person
        return Act(f"{act.key}-{kind}", minute, kind, by, act.brand, text, act.language, about=act.key)

    def _opening(self, key: str, minute: float, brand: str, story: Story, number: int) -> Act:
        text = self.fill(self.random.choice(story.opens), brand)
        return Act(key, minute, "story", self._person(), brand, text, story.language, story=number)

    def _story(self, brand: str, language: str) -> int | None:
        trade = self.brands[brand]
        fitting = {
            number: story.share
            for number, story in enumerate(self.scenario.stories)
            if story.trade in (trade, "any") and story.language == language
        }
        return self.random.choices(list(fitting), list(fitting.values()))[0] if any(fitting.values()) else None

    def text(self, kind: str, brand: str, language: str, mood: str, burst: Burst | None) -> str:
        """An opening, a matter and a closing; or, below another's tweet, agreement with a closing."""
        words, choose = self.scenario.words, self.random.choice
        closing = choose(words.closings[language][mood])
        if kind == "reply":
            added = "" if words.matter_of[mood] == "praise" else f" {closing}"  # nobody agrees to thanks
            return self.fill(choose(words.agreeing[language]) + added, brand)
        way = {"broad": "broad", "proactive": "proactive", "private": "private"}.get(kind, "direct")
        opening, matter = choose(words.openings[language][way]), self._matter(brand, language, mood, burst)
        if opening.endswith((".", "!", "?")):
            matter = matter[0].upper() + matter[1:]
        parts = [opening, matter]
        if self.random.random() < 0.75:
            parts.append(closing)
        return self.fill(("" if language == "ja" else " ").join(parts), brand)

    def fill(self, text: str, brand: str) -> str:
        """The text with its slots filled."""
        drawn = {name: self.random.choice(values) for name, values in self.scenario.words.slots.items()}
        return text.format_map({**drawn, "handle": f"@{brand}", "name": self.names.get(brand, brand)})

    def _matter(self, brand: str, language: str, mood: str, burst: Burst | None) -> str:
        if burst:
            return self.random.choice(burst.matters.get(language) or burst.matters["en"])
        about = self.scenario.words.matter_of[mood]
        return self.random.choice(self.scenario.words.matters[self.brands[brand]][language][about])

    def _longer(self, text: str, kind: str, brand: str, language: str, mood: str, burst: Burst | None) -> str:
        paragraphs = [text]
        while sum(map(len, paragraphs)) < LONG:
            paragraphs.append(self.text("proactive", brand, language, mood, burst))
        return "\n\n".join(paragraphs)

    def _person(self) -> int:
        if self.lately and self.random.random() < self.scenario.habits["returning"]:
            return self.random.choice(self.lately)
        number = self.random.randrange(PEOPLE)
        self.lately = [*self.lately[-40:], number]
        return number

    def _drawn(self, shares: Mapping[str, float]) -> str:
        return self.random.choices(list(shares), list(shares.values()))[0]
