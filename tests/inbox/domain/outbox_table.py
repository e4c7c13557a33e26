"""What the outbox comes to by itself, for every point of death and every fault; the table of `docs/replies.md`."""

POINTS = ("before the claim commits", "claimed", "in the call, before Twitter has it", "in the call, Twitter has it",
          "answered", "settled", "nobody dies")  # fmt: skip
FAULTS = ("none", "lost_answer", "server_error", "server_error_after", "too_many", "duplicate", "forbidden")
# What is simply done again where nobody knows what it came to.
MAY_BE_REPEATED = {"delete", "hide"}

_BEFORE, _IN_VAIN = POINTS[0], (POINTS[1], POINTS[2])
_WRITTEN_DOWN = (POINTS[0], POINTS[5], POINTS[6])
# Faults with which Twitter has done it.
_HAS_IT = {"none", "lost_answer", "server_error_after"}

_WORDS = {
    "none": "nothing",
    "lost_answer": "done, answer lost",
    "server_error": "503, not done",
    "server_error_after": "503, done",
    "too_many": "429",
    "duplicate": "403, duplicate",
    "forbidden": "403, rule",
}
BEGINS, ENDS = "<!-- printed by tests/inbox/domain/test_outbox.py -->\n", "<!-- until here -->\n"


def is_done_by_itself(kind: str, point: str, fault: str) -> bool:
    """Whether it is done, and known to be, without a person; else it stands before one, who has both buttons."""
    if kind in MAY_BE_REPEATED:
        # The answer of the first call died with its process: the second call meets no fault any more.
        return fault != "forbidden" or point in POINTS[3:5]
    if point in _IN_VAIN:
        return False
    return fault in _HAS_IT or (fault == "too_many" and point in _WRITTEN_DOWN)


def printed() -> str:
    """Both tables: what is said and edited; what may be repeated."""
    said = _table("quote", "Replies of every kind, and edits:")
    repeated = _table("delete", "What may be repeated (delete, hide):")
    return f"{BEGINS}{said}\n{repeated}{ENDS}"


def _table(kind: str, heading: str) -> str:
    lines = [heading, "", "| it dies | " + " | ".join(_WORDS[fault] for fault in FAULTS) + " |"]
    lines.append("|---" * (len(FAULTS) + 1) + "|")
    for point in POINTS:
        cells = ["done" if is_done_by_itself(kind, point, fault) else "a person" for fault in FAULTS]
        lines.append(f"| {point} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])
