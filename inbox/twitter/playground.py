"""The sandbox Twitter's own controls, for demonstrations, replays and tests: people, their tokens, tweets in bulk."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from inbox.twitter.client import Unavailable


class Playground:
    """The controls of the sandbox at this address. Raises `Unavailable` where it does not answer well."""

    def __init__(self, *, base_url: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, timeout=httpx.Timeout(connect=5, read=60, write=60, pool=5), trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def is_there(self) -> bool:
        """Whether a sandbox answers at this address: the real Twitter does not."""
        try:
            return self._http.get("/sandbox/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def people(self, people: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Make these accounts, or find them by username; in the same order, with their ids."""
        return list(self._post("/sandbox/users", list(people)))

    def token_of(self, user_id: int) -> str:
        """A token that acts for this account."""
        return str(self._post("/sandbox/tokens", {"user_id": str(user_id)})["access_token"])

    def tweets(self, tweets: Sequence[dict[str, Any]], *, deliver: bool = True) -> dict[str, Any]:
        """Put these tweets on the sandbox's Twitter, delivered to whom they concern; known ones change nothing."""
        return dict(self._post("/sandbox/tweets", {"tweets": list(tweets), "deliver": deliver}))

    def private(self, *, sender: str, to: str, text: str, **more: Any) -> str:
        """One writes to the other in private; the message's id. `more` as the control surface takes it."""
        return str(self._post("/sandbox/private", {"from": sender, "to": to, "text": text, **more})["id"])

    def edit(self, tweet_id: str, text: str, *, force: bool = False) -> None:
        """The tweet's author changes it; by force also when the time for it is over."""
        self._post(f"/sandbox/tweets/{tweet_id}/edits", {"text": text, "force": force})

    def delete(self, tweet_id: str) -> None:
        """The tweet's author deletes it."""
        self._ask("DELETE", f"/sandbox/tweets/{tweet_id}")

    def change(self, username: str, **changes: Any) -> None:
        """This account changes its profile, or how it is open to others."""
        self._ask("PATCH", f"/sandbox/accounts/{username}", json=changes)

    def break_down(self, name: str, **how: Any) -> None:
        """Switch a fault on: `times`, `seconds`, `user_id`, `act` as the control surface takes them."""
        self._post("/sandbox/faults", {"name": name, **how})

    def deliveries(self) -> dict[str, int]:
        """How many events wait to be delivered, were delivered, failed for now, were given up."""
        return dict(self._ask("GET", "/sandbox/deliveries"))

    def _post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise Unavailable(f"The sandbox's Twitter could not be reached ({type(error).__name__}).") from error
        if answer.status_code != 200:
            raise Unavailable(f"The sandbox's Twitter answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()
