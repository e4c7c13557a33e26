"""Where things live: which modules an app may have, and how long files and functions grow."""

import ast
import re

from tests.house.source import APPS, PROJECT, files_like, name_of, nodes, python_files

# What an app may hold, from the floor plan in `docs/house.md`. A new name is a decision record.
IN_AN_APP = {
    "__init__", "apps", "urls", "views", "api", "webhooks", "consumers", "admin", "tasks", "forms", "serializers",
    "domain", "policies", "queries", "models", "enums", "management", "migrations", "templatetags", "static",
}  # fmt: skip
MORE = {
    "inbox": {"twitter"},
    # What allauth asks us while somebody logs in.
    "accounts": {"adapters"},
    # The floor that all stand on: entering brands, hints, nudges, refusals, secrets, and what brands publish upward.
    "tenants": {
        "badges", "database", "entry", "exports", "fanout", "leases", "letterbox", "live", "nudge", "outgoing",
        "refusals", "schemas", "sealing", "wall", "walls",
    },
    # Wiring.
    "config": {
        "admin", "asgi", "celery", "doors", "environment", "formats", "local", "programs", "refusals", "rights",
        "settings", "urls", "wsgi",
    },
}  # fmt: skip
STAGES = {
    "inbox": {
        "flow", "arrivals", "conversations", "deletions", "triage", "routing", "sla", "replies", "posting",
        "credentials", "connecting", "wrapup", "events",
        # Nouns that threading keeps beside its conversations.
        "customers", "amplifications", "filing",
        # What triage hears in English.
        "sentiment",
        # What agents keep beside a conversation, what a brand decided about replies, what programs are told.
        "notes", "tags", "rules", "webhooks", "deliveries", "calls",
        # The whole channel (decision 0017): ways in, and what they could not see.
        "edits", "people", "listening", "polling", "rechecks", "recovery", "pulses", "blind_spots", "outages",
        "retention",
        # The whole channel: ways out, what they may, what they cost.
        "eligibility", "ledger", "budgets", "costs", "errands", "media", "handoffs", "parts", "fates",
        # Recorded conversations, and the demonstration's past, go the way of every tweet.
        "replays", "demonstration",
    },
    # `drafts`: a text as the coach reads it.
    "playbooks": {"coaching", "canned", "guidance", "drafts"},
    # `people` come aboard by `invitations`, programs by `keys`, brands by their `founding` until their `endings`; and
    # `audit` keeps what all of them did that matters to security.
    "accounts": {"roster", "presence", "desk", "audit", "people", "invitations", "keys", "founding", "endings"},
    "reporting": {"intervals"},
}  # fmt: skip
NOWHERE = {"utils", "util", "helpers", "helper", "services", "service", "signals", "common", "misc", "managers"}

LONGEST_FILE = 400
LONGER_FILES = {
    "config/static/nightjar/nightjar.css": "the whole vocabulary of the pages: tokens, then one block per part",
}
LONGEST_FUNCTION = 40
LONGER_FUNCTIONS: dict[str, str] = {}


def test_an_app_holds_only_what_the_floor_plan_names():
    strangers = [
        f"{app}/{path.name}"
        for app in APPS
        for path in sorted((PROJECT / app).iterdir())
        if path.name != "__pycache__" and path.stem not in _allowed_in(app)
    ]

    assert strangers == []


def test_a_domain_has_one_module_per_stage():
    strangers = [
        name_of(path)
        for app, stages in STAGES.items()
        for path in sorted((PROJECT / app / "domain").glob("*.py"))
        if path.stem not in {*stages, "__init__"}
    ]

    assert strangers == []


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = [name_of(path) for path in python_files() if {*path.with_suffix("").parts} & NOWHERE]

    assert drawers == []


def test_a_file_holds_one_subject():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files_like(".py", ".js", ".css", ".html")}
    long = {name for name, length in lengths.items() if length > LONGEST_FILE}

    assert long == set(LONGER_FILES)


def test_a_function_fits_on_a_screen():
    long = {
        f"{name}:{node.name}"
        for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }

    assert long == set(LONGER_FUNCTIONS)


def test_a_migration_says_in_its_name_what_it_does():
    names = [path.stem for path in python_files(migrations=True) if path.parent.name == "migrations"]
    unnamed = [
        name
        for name in names
        if name != "__init__" and (not re.fullmatch(r"\d{4}_[a-z0-9_]+", name) or "auto_" in name)
    ]

    assert unnamed == []


def test_migrations_of_an_app_follow_one_another():
    for app in APPS:
        numbers = [path.name[:4] for path in sorted((PROJECT / app / "migrations").glob("0*.py"))]
        assert numbers == [f"{place:04}" for place in range(1, len(numbers) + 1)], app


def _allowed_in(app: str) -> set[str]:
    return MORE.get(app, set()) | (set() if app == "config" else IN_AN_APP) | {"__init__", "static"}
