"""The filtered stream's rules, and what else there is of our app at Twitter beside its subscriptions: for its own
bearer. And the arithmetic of packing many terms into few rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from inbox.twitter.calls import Unavailable, a_dict, http_client
from inbox.twitter.reading import NotUnderstood, ask

_RULES = "/2/tweets/search/stream/rules"
_MOST_AT_ONCE = 100  # rules of one call
_MOST_PAGES = 100
# Retweets are counted from events; from the stream they would be work that nobody wants, at the price of a read.
SUFFIX = " -is:retweet"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it should be: what it asks for, and the tag that each line it matches brings back."""

    value: str
    tag: str


def pack(terms: Iterable[str], *, tag: str, longest: int) -> tuple[list[Rule], list[str]]:
    """As few rules of this tag as these terms fit into, joined by OR, in order; and the terms too long for any rule.

    Each term is whole in exactly one rule, and no rule is longer than `longest` characters.
    """
    room = longest - len(SUFFIX) - 2  # the brackets
    rules: list[Rule] = []
    too_long: list[str] = []
    joined = ""
    for term in dict.fromkeys(terms):
        if len(term) > room:
            too_long.append(term)
        elif joined and len(joined) + len(" OR ") + len(term) > room:
            rules.append(Rule(f"({joined}){SUFFIX}", tag))
            joined = term
        else:
            joined = f"{joined} OR {term}" if joined else term
    if joined:
        rules.append(Rule(f"({joined}){SUFFIX}", tag))
    return rules, too_long


def fit(wanted: Sequence[Sequence[Rule]], *, most: int) -> tuple[list[Rule], list[Rule]]:
    """Those rules that the plan has room for, and the others. Each brand's first rule goes before anybody's second, so
    that one brand's many words leave no other brand unheard."""
    turns = max((len(rules) for rules in wanted), default=0)
    in_turn = [rules[turn] for turn in range(turns) for rules in wanted if turn < len(rules)]
    return in_turn[:most], in_turn[most:]


class AppAtTwitter:
    """Calls for the app as a whole: rules, connections, webhooks' validity, replay. A context manager."""

    def __init__(self, *, base_url: str, bearer: str) -> None:
        self._http = http_client(base_url, bearer=bearer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def rules(self) -> dict[str, Rule]:
        """The rules that Twitter has, by their ids."""
        found: dict[str, Rule] = {}
        params: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = ask(self._http, "GET", _RULES, params=params)
            for row in answer.get("data") or ():
                found[str(row["id"])] = Rule(str(row.get("value") or ""), str(row.get("tag") or ""))
            token = a_dict(answer.get("meta")).get("next_token")
            if not token:
                return found
            params = {"pagination_token": str(token)}
        raise Unavailable("Twitter's list of rules has no end.")

    def add_rules(self, rules: Sequence[Rule]) -> list[str]:
        """Have these rules from now on (Twitter takes some 20 seconds); returns what it refused, in its own words.

        One that it has already is no refusal.
        """
        refused: list[str] = []
        for begin in range(0, len(rules), _MOST_AT_ONCE):
            refused += self._add_some(rules[begin : begin + _MOST_AT_ONCE])
        return refused

    def _add_some(self, rules: Sequence[Rule]) -> list[str]:
        """Where Twitter refuses all for the sake of some, the others are asked for anew: by what it names, else by
        halves. Nobody's rule costs another its own."""
        try:
            part = [{"value": rule.value, "tag": rule.tag} for rule in rules]
            answer = ask(self._http, "POST", _RULES, json={"add": part})
        except NotUnderstood as error:
            if len(rules) == 1:
                return [f"{rules[0].value}: {error}"[:300]]
            named = [a_dict(each).get("value") for each in error.errors]
            others = [rule for rule in rules if rule.value not in named]
            if len(others) < len(rules):
                said = [_refusal(each) for each in error.errors]
                return [*said, *(self._add_some(others) if others else ())]
            middle = len(rules) // 2
            return [*self._add_some(rules[:middle]), *self._add_some(rules[middle:])]
        return [_refusal(error) for error in answer.get("errors") or () if not _is_duplicate(error)]

    def drop_rules(self, ids: Sequence[str]) -> None:
        """Have these rules no more."""
        for begin in range(0, len(ids), _MOST_AT_ONCE):
            ask(self._http, "POST", _RULES, json={"delete": {"ids": [*ids[begin : begin + _MOST_AT_ONCE]]}})

    def close_connections(self) -> int:
        """Have Twitter forget every connection that it counts for our stream: a crashed one counts for minutes.
        Returns how many it forgot, as far as it says."""
        answer = ask(self._http, "DELETE", "/2/connections/all")
        data = a_dict(answer.get("data"))
        count = data.get("successful_kills")
        return count if isinstance(count, int) else 0

    def webhooks(self) -> list[dict[str, Any]]:
        """Every webhook of the app, with whether Twitter finds it valid."""
        return [a_dict(row) for row in ask(self._http, "GET", "/2/webhooks").get("data") or ()]

    def revive(self, webhook_id: str) -> None:
        """Have Twitter check this webhook anew; it delivers again where the check succeeds."""
        ask(self._http, "PUT", f"/2/webhooks/{webhook_id}")

    def replay(self, webhook_id: str, *, since: datetime, until: datetime) -> str:
        """Have what this webhook missed in this span sent again; returns the job's id."""
        body = {"webhook_id": webhook_id, "from_date": _minute(since), "to_date": _minute(until)}
        answer = ask(self._http, "POST", "/2/webhooks/replay", json=body)
        data = a_dict(answer.get("data")) or answer
        return str(data.get("job_id") or data.get("id") or "")


def _is_duplicate(error: Any) -> bool:
    known = a_dict(error)
    return known.get("title") == "DuplicateRule" or str(known.get("type")).rpartition("/")[2] == "duplicate-rules"


def _refusal(error: Any) -> str:
    known = a_dict(error)
    details = known.get("details") or [known.get("detail") or known.get("title") or "refused"]
    said = " ".join(str(one) for one in details) if isinstance(details, list) else str(details)
    return f"{known.get('value', '')}: {said}"[:300]


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M")
