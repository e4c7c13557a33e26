"""Stories with several turns: a customer opens, waits for the brand, and reacts to what it says or does not say."""

import random
import re
from dataclasses import dataclass

from inbox.twitter.sandbox.scenarios.format import Reaction, Story
from inbox.twitter.sandbox.scenarios.stage import Said

# What an invitation to direct messages looks like, in the languages that the scenarios speak.
INVITATION = re.compile(
    r"\bDMs?\b|\bPN\b|direct message|private message|messages/compose|Direktnachricht|mensaje (directo|privado)"
    r"|message privé|messaggio privato|mensagem (directa|direta|privada)|privébericht|\bMP\b|ダイレクトメッセージ",
    re.IGNORECASE,
)
NUDGES = 2  # times a customer complains about silence before they give up


@dataclass
class Told:
    """A story as far as it is told. Plain values only, so that it can be kept in a file."""

    story: int
    key: str
    person: int
    person_id: str
    brand: str
    brand_id: str
    opening: str  # the id of the tweet it began with; nothing when it began privately
    ours: list[str]  # the customer's tweets, to know an answer to them by
    since: float  # the minute since when the customer waits
    step: int = 0
    nudges: int = 0
    answer: str = ""  # the brand's tweet that is answered next
    reaction: str = ""  # which one is due
    due: float = 0.0
    is_private: bool = False
    is_over: bool = False

    def hear(self, said: Said, minute: float, story: Story) -> None:
        """Take in what a brand said, if it was said to this customer."""
        is_ours = said.answers is not None and str(said.answers) in self.ours
        is_to_us = said.recipient_id is not None and str(said.recipient_id) == self.person_id
        if self.is_over or str(said.author_id) != self.brand_id or not (is_ours or is_to_us) or self.reaction:
            return
        step = story.steps[self.step]
        invites = bool(INVITATION.search(said.text)) and not is_to_us
        self.answer = "" if is_to_us else str(said.id)
        self.react("invited" if invites and step.invited else "answered", minute, story)

    def look_at_the_clock(self, minute: float, story: Story) -> None:
        """Lose patience, when it is time."""
        if not self.is_over and not self.reaction and minute - self.since > story.steps[self.step].patience:
            self.react("unanswered", minute, story)

    def react(self, how: str, minute: float, story: Story) -> None:
        """Decide what to do next, and when."""
        reaction: Reaction | None = getattr(story.steps[self.step], how)
        if reaction is None:
            self.is_over = how == "unanswered" or self.step + 1 >= len(story.steps)
            self.step, self.since = self.step + (how != "unanswered"), minute
            return
        drawn = random.Random(f"{self.key} {self.step} {how} {self.nudges}")
        self.reaction, self.due = how, minute + drawn.uniform(*reaction.after)

    def done(self, minute: float, story: Story, tweet_id: str) -> None:
        """The due reaction was carried out; wait for the next answer, or be over."""
        reaction: Reaction = getattr(story.steps[self.step], self.reaction)
        if tweet_id:
            self.ours.append(tweet_id)
        if self.reaction == "unanswered":
            self.nudges += 1
            self.is_over = reaction.ends or self.nudges >= NUDGES
        else:
            self.step, self.nudges = self.step + 1, 0
            self.is_over = reaction.ends or self.step >= len(story.steps)
        self.is_private = self.is_private or reaction.by == "private"
        self.reaction, self.since = "", minute
