"""What the sandbox knows was said, read from its ledgers."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

NAMED = re.compile(r"(?<![A-Za-z0-9_@])@([A-Za-z0-9_]{1,15})")


@dataclass
class Said:
    """A tweet or direct message of the ledger."""

    id: int
    author_id: int
    text: str
    answers: int | None
    quotes: int | None
    reposts: int | None
    recipient_id: int | None
    first_version: int
    is_deleted: bool
    named: set[str]


class Ledger:
    """Everything that was said, and who it concerns."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self.said = {one.id: one for one in map(_said, lines)}
        self.versions: dict[int, list[Said]] = defaultdict(list)
        for one in sorted(self.said.values(), key=lambda each: each.id):
            self.versions[one.first_version].append(one)

    def of_customers(self, handle_id: int) -> Iterator[Said]:
        """What anybody but this handle said, each tweet once, by its first version; retweets say nothing."""
        for one in self.said.values():
            if one.author_id != handle_id and not one.reposts and one.id == one.first_version:
                yield one

    def concerns(self, one: Said, handle_id: int, username: str) -> bool:
        """Whether it is this handle's business: it names, answers or quotes it, or was written to it privately."""
        theirs = [self.said.get(other or 0) for other in (one.answers, one.quotes)]
        return (
            one.recipient_id == handle_id
            or (one.recipient_id is None and username.lower() in one.named)
            or any(other is not None and other.author_id == handle_id for other in theirs)
        )

    def newest(self, one: Said) -> Said:
        """The newest version of a tweet."""
        return self.versions[one.first_version][-1]

    def is_gone(self, one: Said) -> bool:
        """Whether its author took any version of it back."""
        return any(version.is_deleted for version in self.versions[one.first_version])


def _said(line: dict[str, Any]) -> Said:
    def number(name: str) -> int | None:
        return int(line[name]) if line.get(name) else None

    # A conversation of two is named after both.
    two = str(line.get("conversation_id")).split("-")
    others = [int(one) for one in two if one != line["author_id"]] if len(two) == 2 else []
    return Said(
        id=int(line["id"]),
        author_id=int(line["author_id"]),
        text=str(line["text"] or ""),
        answers=number("in_reply_to_tweet_id"),
        quotes=number("quoted_tweet_id"),
        reposts=number("reposted_tweet_id"),
        recipient_id=others[0] if others else None,
        first_version=number("first_version_id") or int(line["id"]),
        is_deleted=bool(line["deleted"]),
        named={name.lower() for name in NAMED.findall(str(line["text"] or ""))},
    )
