"""Plays a scenario against the sandbox, in its own time or faster, and reacts to what the brands answer."""

import contextlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from inbox.twitter.sandbox.scenarios.format import Reaction, Scenario, Story
from inbox.twitter.sandbox.scenarios.planning import Act, brands_of, person, plan
from inbox.twitter.sandbox.scenarios.stage import NotThere, Said, Stage
from inbox.twitter.sandbox.scenarios.telling import Told

LONGEST_NAP = 2.0  # seconds between looks at the ledger while somebody waits for an answer
SHORTEST_NAP = 0.05
LONGEST_STEP = 5.0  # seconds: a machine that slept goes on where it was, and floods nobody
RECENT = 200  # tweets remembered, to reply to and to quote
TOLD_AT_ONCE = 400  # stories that may be open


@dataclass
class Kept:
    """Where the player is. Written to a file, so that the next start goes on from here."""

    round: int = 0
    minute: float = 0.0
    done: int = 0  # acts of this round
    after_id: int = 0  # of the ledger
    ids: dict[str, list[str]] = field(default_factory=dict)  # act → tweet id, author id, author's username, brand
    brand_said: dict[str, list[str]] = field(default_factory=dict)  # brand → its last tweets
    told: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Tally:
    """What was done so far, by kind."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, number: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + number

    def __str__(self) -> str:
        return ", ".join(f"{number} {kind}" for kind, number in sorted(self.counts.items())) or "nothing yet"


class Player:
    """Plays one scenario, once or in a `loop`. `minutes` bounds it, in minutes of the scenario."""

    def __init__(
        self,
        scenario: Scenario,
        stage: Stage,
        *,
        brands: Sequence[str] = (),
        speed: float = 1.0,
        loop: bool = False,
        minutes: float | None = None,
        keep: Path | None = None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.scenario, self.stage, self.speed, self.say = scenario, stage, speed, say
        self.brands = brands_of(scenario, brands)
        self.is_looping, self.bound, self.keep = loop, minutes, keep
        self.kept, self.tally, self.played = self._remembered(), Tally(), 0.0
        self.told = [Told(**one) for one in self.kept.told]
        self.ids: dict[str, str] = {}  # brand → id of its account
        self.names: dict[str, str] = {}
        self.known: dict[int, dict[str, Any]] = {}  # person → account
        self._saved = 0.0
        self._looked = 0.0

    def run(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Tally:
        """Play until the end, or for ever. A sandbox that is away for a while is waited for."""
        self._patiently(self._meet_brands, sleep)
        acts = self._acts()
        before = now()
        while not self._is_at_the_end(acts):
            step = min(now() - before, LONGEST_STEP) * self.speed / 60
            before = now()
            self.kept.minute, self.played = self.kept.minute + step, self.played + step
            self._patiently(partial(self._turn, acts), sleep)
            if self._is_round_over(acts) and self.is_looping:
                self.kept.round, self.kept.minute, self.kept.done = self.kept.round + 1, 0.0, 0
                self.told = [one for one in self.told if not one.is_over]
                for one in self.told:
                    one.since, one.due = one.since - self.scenario.minutes, one.due - self.scenario.minutes
                acts = self._acts()
            sleep(self._nap(acts))
        self._save(at_once=True)
        return self.tally

    def _is_round_over(self, acts: Sequence[Act]) -> bool:
        return self.kept.minute >= self.scenario.minutes and self.kept.done >= len(acts)

    def _is_at_the_end(self, acts: Sequence[Act]) -> bool:
        if self.bound is not None and self.played >= self.bound:
            return True
        return not self.is_looping and self._is_round_over(acts) and all(one.is_over for one in self.told)

    def _acts(self) -> list[Act]:
        return plan(self.scenario, self.brands, self.names, self.kept.round)

    def _patiently(self, do: Callable[[], None], sleep: Callable[[float], None]) -> None:
        wait = 0.5
        while True:
            try:
                return do()
            except NotThere as away:
                self.say(f"{away} Trying again in {wait:g} s.")
                sleep(wait)
                wait = min(30.0, wait * 2)

    def _nap(self, acts: Sequence[Act]) -> float:
        waits = [LONGEST_NAP]
        if self.kept.done < len(acts):
            waits.append((acts[self.kept.done].minute - self.kept.minute) * 60 / self.speed)
        waits += [(one.due - self.kept.minute) * 60 / self.speed for one in self.told if one.reaction]
        return max(SHORTEST_NAP, min(waits))

    def _meet_brands(self) -> None:
        for account in self.stage.people([{"username": name, "name": name} for name in self.brands]):
            self.ids[account["username"]], self.names[account["username"]] = account["id"], account["name"]
        # Whoever is asked for by another spelling is played by the name that the sandbox knows.
        self.brands = dict(zip(self.ids, self.brands.values(), strict=True))

    # One turn

    def _turn(self, acts: Sequence[Act]) -> None:
        while self.kept.done < len(acts) and acts[self.kept.done].minute <= self.kept.minute:
            self._perform(self._due(acts))
        if any(not one.is_over for one in self.told) and time.monotonic() - self._looked >= min(
            LONGEST_NAP, 60 / self.speed
        ):
            self._looked = time.monotonic()
            self._listen()
        for one in self.told:
            story = self.scenario.stories[one.story]
            one.look_at_the_clock(self.kept.minute, story)
            if one.reaction and one.due <= self.kept.minute:
                self._carry_out(one, story)
        self.told = [one for one in self.told if not one.is_over][-TOLD_AT_ONCE:]
        self._save()

    def _due(self, acts: Sequence[Act]) -> list[Act]:
        """The next acts that are due: tweets together, anything else by itself."""
        together: list[Act] = []
        for act in acts[self.kept.done : self.kept.done + 100]:
            is_other = act.kind in ("edit", "deletion", "repost", "private")
            if act.minute > self.kept.minute or (is_other and together):
                break
            together.append(act)
            if is_other or self.scenario.stories and act.kind == "story" and self._story_of(act).by == "private":
                break
        return together

    def _perform(self, acts: Sequence[Act]) -> None:
        self._introduce([act.person for act in acts])
        first = acts[0]
        is_private = first.kind == "private" or (first.kind == "story" and self._story_of(first).by == "private")
        if len(acts) == 1 and (is_private or first.kind in ("edit", "deletion")):
            self._perform_alone(first, is_private)
        else:
            self._tweet([act for act in acts if act.kind != "repost" or act.about in self.kept.ids])
        self.kept.done += len(acts)
        for act in acts:
            self.tally.add(act.kind)

    def _perform_alone(self, act: Act, is_private: bool) -> None:
        author = self.known[act.person]["id"]
        if is_private:
            self.stage.private(author, self.ids[act.brand], act.text)
            if act.kind == "story":
                self._begin(act, "")
        elif act.about in self.kept.ids and act.kind == "edit":
            if newer := self.stage.edit(self.kept.ids[act.about][0], act.text):
                self.kept.ids[act.about][0] = newer
        elif act.about in self.kept.ids:
            self.stage.delete(self.kept.ids.pop(act.about)[0])

    def _tweet(self, acts: Sequence[Act]) -> None:
        tweets = [self._as_tweet(act) for act in acts]
        for act, tweet_id in zip(acts, self.stage.tweets(tweets) if tweets else [], strict=True):
            if act.kind != "repost":
                account = self.known[act.person]
                self.kept.ids[act.key] = [tweet_id, account["id"], account["username"], act.brand]
            if act.kind == "story":
                self._begin(act, tweet_id)
        while len(self.kept.ids) > RECENT:
            del self.kept.ids[next(iter(self.kept.ids))]

    def _as_tweet(self, act: Act) -> dict[str, Any]:
        tweet: dict[str, Any] = {"author_id": self.known[act.person]["id"], "text": act.text, "lang": act.language}
        if act.picture:
            tweet["media"] = [{"kind": "photo", "alt_text": act.picture}]
        drawn = random.Random(act.key)
        theirs = [one for one in self.kept.ids.values() if one[3] == act.brand]
        if act.kind == "repost":
            return {"author_id": tweet["author_id"], "text": "RT", "retweet_of_tweet_id": self.kept.ids[act.about][0]}
        if act.kind == "reply" and theirs:
            tweet_id, _, username, _ = drawn.choice(theirs)
            tweet |= {"text": f"@{username} @{act.brand} {act.text}", "in_reply_to_tweet_id": tweet_id}
        elif act.kind == "quote" and (said := self.kept.brand_said.get(act.brand)):
            tweet["quote_tweet_id"] = drawn.choice(said)
        elif act.kind == "quote" and theirs:
            tweet["quote_tweet_id"] = drawn.choice(theirs)[0]
        if act.kind == "reply" and not theirs:
            tweet["text"] = f"@{act.brand} {act.text}"
        return tweet

    def _introduce(self, numbers: Sequence[int]) -> None:
        new = sorted({number for number in numbers if number not in self.known})
        asked = [asdict(person(self.scenario, number)) for number in new]
        for number, account in zip(new, self.stage.people(asked), strict=True):
            self.known[number] = account

    # Stories

    def _story_of(self, act: Act) -> Story:
        return self.scenario.stories[act.story]

    def _begin(self, act: Act, tweet_id: str) -> None:
        self.told.append(
            Told(
                story=act.story,
                key=act.key,
                person=act.person,
                person_id=self.known[act.person]["id"],
                brand=act.brand,
                brand_id=self.ids[act.brand],
                opening=tweet_id,
                ours=[tweet_id] if tweet_id else [],
                since=self.kept.minute,
                is_private=not tweet_id,
            )
        )

    def _listen(self) -> None:
        brands = {int(brand_id): name for name, brand_id in self.ids.items()}
        if not self.kept.after_id:  # what was said before the first story is nobody's answer
            self.kept.after_id = min((int(one.opening) for one in self.told if one.opening), default=0)
        for said in self.stage.ledger(self.kept.after_id):
            self.kept.after_id = max(self.kept.after_id, said.id)
            if said.author_id in brands:
                self._hear(said, brands[said.author_id])

    def _hear(self, said: Said, brand: str) -> None:
        if said.recipient_id is None:
            self.kept.brand_said[brand] = [*self.kept.brand_said.get(brand, [])[-20:], str(said.id)]
        self.tally.add("answers heard")
        for one in self.told:
            one.hear(said, self.kept.minute, self.scenario.stories[one.story])

    def _carry_out(self, one: Told, story: Story) -> None:
        reaction: Reaction = getattr(story.steps[one.step], one.reaction)
        self._introduce([one.person])
        tweet_id = ""
        if reaction.says:
            tweet_id = self._say(one, reaction)
        if reaction.deletes and one.opening:
            self.stage.delete(one.opening)
            self.tally.add("deletion")
        one.done(self.kept.minute, story, tweet_id)
        self.tally.add("reactions")

    def _say(self, one: Told, reaction: Reaction) -> str:
        drawn = random.Random(f"{one.key} {one.step} {one.nudges} {one.reaction}")
        filled = {name: drawn.choice(values) for name, values in self.scenario.words.slots.items()}
        text = drawn.choice(reaction.says).format_map(
            {**filled, "handle": f"@{one.brand}", "name": self.names.get(one.brand, one.brand)}
        )
        if reaction.by == "private" or (one.is_private and reaction.by == "reply"):
            self.stage.private(one.person_id, one.brand_id, text)
            return ""
        tweet: dict[str, Any] = {"author_id": one.person_id, "text": text}
        if reaction.by == "quote" and one.answer:
            tweet["quote_tweet_id"] = one.answer
        elif reaction.by == "reply" and (one.answer or one.opening):
            named = "" if f"@{one.brand}".lower() in text.lower() else f"@{one.brand} "
            tweet |= {"text": named + text, "in_reply_to_tweet_id": one.answer or one.ours[-1]}
        elif f"@{one.brand}".lower() not in text.lower():
            tweet["text"] = f"@{one.brand} {text}"
        return self.stage.tweets([tweet])[0]

    # What is kept

    def _remembered(self) -> Kept:
        kept: dict[str, Any] = {}
        if self.keep and self.keep.exists():
            with contextlib.suppress(ValueError):  # half a file: begin again
                kept = json.loads(self.keep.read_text(encoding="utf-8"))
        if kept.get("scenario") != self._signature:
            return Kept()
        return Kept(**{one.name: kept[one.name] for one in fields(Kept) if one.name in kept})

    def _save(self, at_once: bool = False) -> None:
        if not self.keep or (not at_once and time.monotonic() - self._saved < 1):
            return
        self._saved = time.monotonic()
        self.kept.told = [asdict(one) for one in self.told]
        fresh = self.keep.with_suffix(".new")
        fresh.write_text(json.dumps({"scenario": self._signature, **asdict(self.kept)}), encoding="utf-8")
        fresh.replace(self.keep)

    @property
    def _signature(self) -> list[Any]:
        return [self.scenario.title, list(self.brands)]
