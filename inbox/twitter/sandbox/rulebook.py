"""The rules that are kept, and which of them a tweet meets.

A rule is looked at only for tweets that have one of its anchors; so thousands of rules cost a tweet no more than the
few that could mean it.
"""

from dataclasses import dataclass
from typing import Any

from inbox.twitter.sandbox import language
from inbox.twitter.sandbox.language import Node, Subject
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import World

ANY_LENGTH = 100_000


@dataclass(frozen=True, slots=True)
class Rule:
    id: int
    value: str
    tag: str | None
    active_ms: int  # when it begins to mean something
    ended_ms: int | None  # and when it stops; it is in no list from the moment it was deleted

    def as_json(self) -> dict[str, Any]:
        shown = {"id": str(self.id), "value": self.value}
        return {**shown, "tag": self.tag} if self.tag else shown


class Rulebook:
    def __init__(self, storage: Storage, world: World) -> None:
        self.storage, self.world = storage, world
        self.rules: dict[int, tuple[Rule, Node]] = {}
        self.by_anchor: dict[str, list[int]] = {}
        self.everywhere: list[int] = []
        self.load()

    def load(self) -> None:
        rows = self.storage.execute(
            "SELECT id, value, tag, active_ms, ended_ms FROM rules WHERE ended_ms IS NULL OR ended_ms > ? ORDER BY id",
            (now_ms(),),
        )
        self.rules, self.by_anchor, self.everywhere = {}, {}, []
        for rule in [Rule(*row) for row in rows]:
            self._take_in(rule)

    def _take_in(self, rule: Rule) -> None:
        node = language.read(rule.value.removeprefix(f"{rule.id}\0"), ANY_LENGTH)
        self.rules[rule.id] = (rule, node)
        anchors = node.anchors()
        if anchors is None:
            self.everywhere.append(rule.id)
        for anchor in anchors or ():
            self.by_anchor.setdefault(anchor, []).append(rule.id)

    def all(self) -> list[Rule]:
        return [rule for rule, _ in self.rules.values() if rule.ended_ms is None]

    def add(self, value: str, tag: str | None, *, is_kept: bool = True) -> Rule:
        """A new rule, which means something only after a while."""
        active = now_ms() + int(self.world.settings["rule_seconds"] * 1000)
        rule = Rule(self.world.snowflakes.next(), value, tag, active, None)
        if is_kept:
            with self.storage.transaction():
                self.storage.execute(
                    "INSERT INTO rules VALUES (?, ?, ?, ?, NULL)", (rule.id, rule.value, rule.tag, rule.active_ms)
                )
            self._take_in(rule)
        return rule

    def end(self, ids: list[int]) -> None:
        """Rules that are deleted go on for a while too."""
        until = now_ms() + int(self.world.settings["rule_seconds"] * 1000)
        with self.storage.transaction():
            self.storage.executemany(
                # The value makes room for a new rule of the same words.
                "UPDATE rules SET ended_ms = ?, value = id || char(0) || value WHERE id = ?",
                [(until, rule_id) for rule_id in ids],
            )
        self.load()

    def met_by(self, subject: Subject) -> list[Rule]:
        """The rules that this tweet meets now."""
        now, candidates = now_ms(), set(self.everywhere)
        for anchor in subject.anchors:
            candidates.update(self.by_anchor.get(anchor, ()))
        found = [self.rules[rule_id] for rule_id in sorted(candidates)]
        return [
            rule
            for rule, node in found
            if rule.active_ms <= now and (rule.ended_ms is None or rule.ended_ms > now) and node.meets(subject)
        ]
