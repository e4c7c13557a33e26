"""What every brand begins with: a sentence of guidance for each of the nine steps, and canned responses.

Put into a brand's schema when it is made, and again whenever it is prepared: what is there already stays as it is, so
a brand changes or retires these rows and never deletes them. Their keys are far above any that a schema will count to.
"""

from collections.abc import Iterable

from playbooks.enums import Step

FIRST_KEY = 1_000_000_001
DEFAULT_PLAYBOOK = FIRST_KEY

GUIDANCE: dict[str, str] = {
    Step.RESPOND_QUICKLY: "Answer within the promise. A short first word now is worth more than a perfect one later.",
    Step.APOLOGISE: "Say sorry once, plainly, for the thing itself, and without an “if” or a “but”.",
    Step.EMPATHISE: "Show that you see what this did to their day, in their own words.",
    Step.EASY_WAY: "Give one easy way on: a direct message, a link or a number that works with one tap.",
    Step.MAKE_IT_RIGHT: "Offer something definite: what you will refund, replace, rebook or repair.",
    Step.FOLLOW_UP: "Promise when you will come back, with a time. Then keep it.",
    Step.OVER_COMMUNICATE: "Say what happens next, when, and why it happened. Nobody should have to ask twice.",
    Step.TALK_HUMAN: "Write as you would speak: use their name, sign with yours, leave the phrases to machines.",
    Step.REASON_TO_RETURN: "End on a reason to come back: something to look forward to, or something on us.",
}

CANNED: tuple[tuple[str, str], ...] = (
    (
        "First word",
        "Hi {name}, I've seen this and I'm on it. Give me until {time} to find out what happened, "
        "and I'll come back to you right here. – {agent}",
    ),
    (
        "Something is late",
        "I'm sorry, {name}: {what} should have been with you by now. It's held up because {reason}, "
        "and it's due {day}. I'll check on it again at {time} and tell you what I find. – {agent}",
    ),
    (
        "Arrived broken",
        "Oh no, {name}, that's not how it should arrive, and I'm sorry. We'll send you a new one today, "
        "no need to return the old one. DM us your order number and I'll sort it out myself. – {agent}",
    ),
    (
        "Cancelled or disrupted",
        "I'm so sorry about {what}, {name}, I know what that does to a day. I can move you to {alternative} "
        "or refund you in full, whichever suits you: just reply here. – {agent}",
    ),
    (
        "Charged twice",
        "You're right, {name}, we charged you twice, and that's our mistake. I've refunded {amount}; "
        "it'll be back in your account within {days} days. Shout if it isn't. – {agent}",
    ),
    (
        "Move to private",
        "I'd like to look into this properly, {name}, and that needs details that don't belong in public. "
        "Send us a DM with {detail} and I'll pick it up straight away. – {agent}",
    ),
    (
        "Nobody answered",
        "You waited far too long for an answer, {name}, and I'm sorry: that's on us. I've read everything, so "
        "you needn't explain it again. Here's what I'll do now: {action}. – {agent}",
    ),
    (
        "Still working on it",
        "No news yet, {name}, but I promised you an update: {so far}. Next we {next step}, and I'll be back "
        "by {time} either way. Thanks for hanging in there. – {agent}",
    ),
    (
        "It is fixed",
        "Good news, {name}: {what} is fixed. It happened because {reason}, and we've {change} so that it "
        "doesn't again. I'm sorry it took its time. – {agent}",
    ),
    (
        "Somebody was rude",
        "Nobody should be spoken to like that, {name}, and I'm truly sorry. I'm taking this to {who} today and "
        "I'll tell you what came of it by {time}. – {agent}",
    ),
    (
        "We cannot do that",
        "I'd love to say yes, {name}, but I can't {what}, because {reason}. What I can do is {alternative}. "
        "Would that help? – {agent}",
    ),
    (
        "Thanks for the praise",
        "You've made our day, {name}! I've passed it on to {who}, who'll be grinning all shift. "
        "See you next time. – {agent}",
    ),
    (
        "Come back to us",
        "We let you down, {name}, and I'd like another chance: your next {what} is on us. Use {code} any time "
        "before {day}. I hope we'll see you soon. – {agent}",
    ),
)


def playbook_row() -> str:
    """The brand's default playbook, as the tail of an INSERT."""
    return f"(id, name, topic) VALUES ({DEFAULT_PLAYBOOK}, 'The nine steps', '')"


def guidance_rows() -> str:
    """One sentence per step, as the tail of an INSERT."""
    rows = [
        f"({FIRST_KEY + number}, {DEFAULT_PLAYBOOK}, {_quoted(step)}, {_quoted(GUIDANCE[step])}, '[]')"
        for number, step in enumerate(Step)
    ]
    return f"(id, playbook_id, step, sentence, more_words) VALUES {_listed(rows)}"


def canned_rows() -> str:
    """The canned responses, as the tail of an INSERT."""
    rows = [
        f"({FIRST_KEY + number}, {_quoted(name)}, {_quoted(text)}, 'en', true)"
        for number, (name, text) in enumerate(CANNED)
    ]
    return f"(id, name, text, language, is_founding) VALUES {_listed(rows)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _listed(rows: Iterable[str]) -> str:
    return ", ".join(rows)
