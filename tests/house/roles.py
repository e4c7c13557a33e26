"""Prints who may do what as a page: from the tables of rights, addresses and scopes, and from nothing else."""

from collections import defaultdict
from collections.abc import Iterator

from accounts.enums import OPERATOR_RIGHTS, RIGHTS, Right, Role, Scope
from config.rights import NEEDS, PROGRAMS, RIGHT_FOR, Need
from tests.doors.addresses import EXAMPLES, addresses_of

HOSTS = {"operators": "the operators'", "agency": "an agency's", "brand": "a brand's"}
# Parts of addresses as a reader sees them.
PARTS = {part: f"‹{part}›" for part in EXAMPLES} | {"brand_slug": "‹brand›", "pk": "‹key›"}

BEGINNING = """# Who may do what

Printed from the tables `RIGHTS` and `Scope` in `accounts/enums.py` and `NEEDS` and `PROGRAMS` in `config/rights.py`;
what stands here is what the doors ask. To change it, change a table, and print the page anew:
`{write}`. That everybody gets this and no more is tried at every address
by `tests/doors/`.

## Roles

A role is held at an agency, in all of its brands or in one; one in a brand goes before one in all brands. Client staff
always belong to one brand. What is set up for the whole agency (brands, people) is for admins of the whole agency.
An operator runs Nightjar itself, is no role at an agency, and sees nothing of an agency's work. Operators and agency
admins prove themselves in a second way, or come no further than to the page where they add one.
"""


def page(write: str) -> str:
    """The whole page, as `docs/roles.md` holds it."""
    parts = [BEGINNING.format(write=write), _roles(), *_addresses(), *_scopes()]
    return "\n".join(parts).rstrip() + "\n"


def _roles() -> str:
    heads = ["May …", *(role.label for role in Role), "operator"]
    rows = [
        [right.label, *("yes" if right in RIGHTS[role] else "" for role in Role), "yes" if _operates(right) else ""]
        for right in Right
    ]
    return _table(heads, rows)


def _operates(right: Right) -> bool:
    return right in OPERATOR_RIGHTS


def _addresses() -> Iterator[str]:
    yield (
        "## Who may open what\n\nEvery address of every host. On the operators' host all that needs a right is for "
        "operators alone; on the\nothers a right is one in the brand that the address or the host names. An address "
        "that is not here opens for nobody.\n"
    )
    where = _where()
    for need in [*Need, *Right]:
        names = [name for name in NEEDS if NEEDS[name] == need]
        if names:
            rows = [[*where.get(name, ["", ""]), f"`{name}`"] for name in names]
            yield f"### {_heading(need)}\n\n{_who(need)}\n"
            yield _table(["Address", "On the host", "Name"], rows)


def _heading(need: Need | Right) -> str:
    words = need.label if isinstance(need, Right) else need.value
    return words[0].upper() + words[1:]


def _who(need: Need | Right) -> str:
    if isinstance(need, Need):
        return f"For {need.value}."
    holders = [role.label for role in Role if need in RIGHTS[role]] + (["operator"] if _operates(need) else [])
    return f"For: {', '.join(holders)}."


def _where() -> dict[str, list[str]]:
    """For each url's name, its addresses and the kinds of host that it is on."""
    paths: dict[str, list[str]] = defaultdict(list)
    hosts: dict[str, list[str]] = defaultdict(list)
    for kind, host in HOSTS.items():
        for address in addresses_of(kind, **PARTS):
            paths[address.name] += [f"`{address.path}`"] if f"`{address.path}`" not in paths[address.name] else []
            hosts[address.name] += [host] if host not in hosts[address.name] else []
    return {name: ["<br>".join(paths[name]), ", ".join(hosts[name])] for name in paths}


def _scopes() -> Iterator[str]:
    yield (
        "## What programs may do\n\nA program uses the API with a key, in the name of the person who made it: it may "
        "what its scopes say, and never\nmore than its person may at that moment. A key of a brand is for that "
        "brand's host, one of the agency for the agency's.\n"
    )
    calls = defaultdict(list)
    where = _where()
    for name, methods in PROGRAMS.items():
        for method, scope in methods.items():
            calls[scope].append(f"{method} {where.get(name, [f'`{name}`'])[0]}")
    rows = [[f"`{scope.value}`", scope.label, RIGHT_FOR[scope].label, "<br>".join(calls[scope])] for scope in Scope]
    yield _table(["Scope", "Allows to …", "Its person must be allowed to …", "Calls"], rows)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell or " " for cell in line) + " |" for line in lines) + "\n"
