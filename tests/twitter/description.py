"""Twitter's own OpenAPI files, and what they say about an answer."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.twitter.playing import PROJECT

SHARED = PROJECT.parent / "shared" / "twitter"
# Refusals that X gives, as its samples and its users show, of a kind that the newer file does not list.
UNLISTED = {"about:blank", "duplicate-rules", "invalid-rules", "unsupported-authentication"}
FILES = {"tweet": "openapi-2.166-2026-06-11-tweet-names.json", "post": "openapi-2.167-2026-08-22-post-names.json"}

EVENT = {"tweet": "ActivityStreamingResponse", "post": "ActivityStreamResponse"}
# Held to the samples of real events instead: ids of events that are negative, people wrapped in `data`; and payloads
# are looked at by their own type.
UNLIKE_THE_SAMPLES = {"event_uuid", "includes", "payload"}


@dataclass
class Description:
    """One of the two files. `counted` says how many answers of each operation were looked at."""

    vocabulary: str
    counted: Counter[str] = field(default_factory=Counter)

    @cached_property
    def document(self) -> dict[str, Any]:
        return json.loads((SHARED / FILES[self.vocabulary]).read_text())

    @cached_property
    def _registry(self) -> Registry:
        return Registry().with_resource("urn:twitter", Resource(self.document, DRAFT202012))

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        # Those without a blank come first: /2/users/me is not /2/users/{id}.
        templates = sorted(self.document["paths"], key=lambda path: (path.count("{"), path))
        return [(re.compile(re.sub(r"\\{[^/]+\\}", "[^/]+", re.escape(one)) + "$"), one) for one in templates]

    def wrong_with(self, method: str, path: str, status: int, kind: str, body: str) -> list[str]:
        """Why this answer is none that Twitter would give; nothing, when it could be."""
        template = next((one for pattern, one in self._paths if pattern.match(path)), None)
        operation = self.document["paths"].get(template, {}).get(method.lower()) if template else None
        if operation is None:
            # What the file does not have cannot be held against it; a refusal of it is an answer all the same.
            return [] if status >= 400 else [f"{method} {path} is not described"]
        self.counted[f"{method} {template} {status}"] += 1
        pointer = self._pointer(template or "", method.lower(), operation, status, kind)
        if pointer is None:
            return []
        texts = body.splitlines() if "/stream" in path and "rules" not in path else [body]
        validator = Draft202012Validator({"$ref": f"urn:twitter#{pointer}"}, registry=self._registry)
        return [f"{method} {path} {status}: {why}" for text in texts if text.strip() for why in _why(validator, text)]

    def wrong_with_line(self, line: Any) -> list[str]:
        """Why this is no line of the filtered stream."""
        schema = self.document["paths"]["/2/tweets/search/stream"]["get"]["responses"]["200"]["content"]
        return self._wrong_by(schema["application/json"]["schema"]["$ref"], line)

    def wrong_with_event(self, data: dict[str, Any]) -> list[str]:
        """Why this is no event: its payload by its own type, all around it by what events have in common."""
        around = self.document["components"]["schemas"][EVENT[self.vocabulary]]["properties"]["data"]["properties"]
        wrong = [f"{name} is of no event" for name in data.keys() - around.keys()]
        for name in data.keys() & around.keys() - UNLIKE_THE_SAMPLES:
            pointer = f"#/components/schemas/{EVENT[self.vocabulary]}/properties/data/properties/{name}"
            wrong += self._wrong_by(pointer, data[name])
        pointer = self.payload_of(data["event_type"])
        return wrong + (self._wrong_by(pointer, data["payload"]) if pointer else [])

    def payload_of(self, event_type: str) -> str:
        """Where the file says what an event of this type carries; empty where it does not."""
        payload = self.document["components"]["schemas"]["ActivityStreamingResponsePayload"]
        return str(payload["discriminator"]["mapping"].get(event_type, ""))

    def _wrong_by(self, pointer: str, thing: Any) -> list[str]:
        validator = Draft202012Validator({"$ref": f"urn:twitter{pointer}"}, registry=self._registry)
        return [f"{'/'.join(map(str, one.absolute_path))}: {one.message[:200]}" for one in validator.iter_errors(thing)]

    def _pointer(self, template: str, method: str, operation: dict[str, Any], status: int, kind: str) -> str | None:
        responses = operation["responses"]
        name = str(status) if str(status) in responses else "2XX" if status < 300 and "2XX" in responses else "default"
        if status < 300 and name == "default":
            name = next((one for one in responses if one.startswith("2")), "default")
        content = responses.get(name, {}).get("content", {})
        media = kind.partition(";")[0]
        problem = "application/problem+json"  # what X's refusals look like, whatever they say they are
        chosen = problem if status >= 400 and problem in content else media
        chosen = chosen if chosen in content else next(iter(content), "")
        if "schema" not in content.get(chosen, {}) or not media.endswith("json"):
            return None
        steps = ["paths", template, method, "responses", name, "content", chosen, "schema"]
        return "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


def _why(validator: Draft202012Validator, text: str) -> list[str]:
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        return [f"this is no JSON: {text[:80]!r}"]
    answer = _listed(answer)
    if answer is None:
        return []
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message[:200]}" for one in validator.iter_errors(answer)][
        :3
    ]


def _listed(answer: Any) -> Any:
    """The answer without refusals that the file cannot know but that say what each must; nothing, if it is one."""
    if not isinstance(answer, dict):
        return answer
    if _is_unlisted(answer):
        return None
    errors = answer.get("errors")
    if not isinstance(errors, list) or not any(map(_is_unlisted, errors)):
        return answer
    rest = {**answer, "errors": [one for one in errors if not _is_unlisted(one)]}
    if not rest["errors"]:
        del rest["errors"]
    return rest if "status" in rest or "title" in rest or "data" in rest else None


def _is_unlisted(problem: Any) -> bool:
    if not isinstance(problem, dict) or str(problem.get("type", "")).rpartition("/")[2] not in UNLISTED:
        return False
    return bool(problem.get("title")) and isinstance(problem.get("detail"), str)
