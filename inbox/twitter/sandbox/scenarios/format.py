"""What a scenario file says: an hour of a brand's life, as data. `read` is strict; `docs/scenarios.md` explains it."""

import string
from dataclasses import dataclass
from pathlib import Path

from inbox.twitter.sandbox.scenarios.reading import Node, Unreadable, names_in, open_file

HERE = Path(__file__).parent
REACH = ("mention", "reply", "quote", "broad", "proactive", "private")
MATTERS = ("trouble", "question", "praise")
HABITS = ("picture", "long", "edited", "deleted", "reposted", "story", "returning")
WAYS = ("reply", "mention", "quote", "private")
ALWAYS = ("handle", "name")  # slots that the player fills itself
NAME = string.ascii_letters + string.digits + "_"


@dataclass(frozen=True)
class Burst:
    """From `at` on, `times` as much is said to `brand`, falling by half every `halves_in` minutes, about `matters`."""

    at: float
    times: float
    halves_in: float
    brand: str
    moods: dict[str, float]
    matters: dict[str, tuple[str, ...]]  # by language

    def strength(self, minute: float) -> float:
        """How many times the usual is added at this minute."""
        return 0.0 if minute < self.at else (self.times - 1) * 0.5 ** ((minute - self.at) / self.halves_in)


@dataclass(frozen=True)
class Reaction:
    """What a customer does next: says one of these in this way, perhaps takes a tweet back, perhaps has done."""

    by: str
    says: tuple[str, ...]
    after: tuple[float, float]  # minutes
    deletes: bool
    ends: bool


@dataclass(frozen=True)
class Step:
    """A customer waits for the brand: what they do when it answers, invites to direct messages, or says nothing."""

    patience: float  # minutes
    answered: Reaction | None
    invited: Reaction | None
    unanswered: Reaction | None


@dataclass(frozen=True)
class Story:
    name: str
    trade: str
    language: str
    share: float
    by: str
    opens: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Words:
    """Texts, to be put together: an opening, a matter, a closing."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    matter_of: dict[str, str]  # mood → what such a tweet is about
    openings: dict[str, dict[str, tuple[str, ...]]]  # language → direct, broad, proactive, private
    closings: dict[str, dict[str, tuple[str, ...]]]  # language → mood
    agreeing: dict[str, tuple[str, ...]]  # language → what somebody adds below another's tweet
    matters: dict[str, dict[str, dict[str, tuple[str, ...]]]]  # trade → language → trouble, question, praise
    pictures: tuple[str, ...]  # alt texts


@dataclass(frozen=True)
class Scenario:
    title: str
    minutes: float
    seed: int
    brands: dict[str, str]  # username → trade
    rhythm: tuple[tuple[float, float], ...]  # minute → tweets a minute; straight lines in between
    bursts: tuple[Burst, ...]
    languages: dict[str, float]
    moods: dict[str, float]
    reach: dict[str, float]
    habits: dict[str, float]
    stories: tuple[Story, ...]
    words: Words

    def rate(self, minute: float) -> float:
        """Usual tweets a minute at this minute, without bursts."""
        before = self.rhythm[0]
        for point in self.rhythm:
            if point[0] >= minute:
                width = point[0] - before[0]
                return point[1] if not width else before[1] + (point[1] - before[1]) * (minute - before[0]) / width
            before = point
        return before[1]


def shipped() -> list[Path]:
    """The scenarios that come with Nightjar."""
    return sorted(path for path in HERE.glob("*.yaml") if path.name != "words.yaml")


def find(name: str) -> Path:
    """A scenario file by its path, or one of ours by its name. Raises `Unreadable`."""
    for path in (Path(name), HERE / name, HERE / f"{name}.yaml"):
        if path.is_file():
            return path
    raise Unreadable(f"There is no scenario {name!r}. There are: {', '.join(path.stem for path in shipped())}.")


def read(path: Path) -> Scenario:
    """A scenario out of its file, every field checked. Raises `Unreadable` with a sentence that says where."""
    top = open_file(path)
    known = ("title", "minutes", "seed", "brands", "rhythm", "bursts", "languages", "moods", "reach", "habits")
    fields = top.fields(*known, "stories", "words", needed=("title", "minutes", "brands", "rhythm", "words"))
    words = _words(open_file(path.parent / fields["words"].text()))
    brands = {name: node.one_of(*words.matters) for name, node in fields["brands"].fields().items()}
    for name, node in fields["brands"].fields().items():
        if not 0 < len(name) < 16 or set(name) - set(NAME):
            raise node.wrong("is not a username: 1 to 15 letters, digits or underscores.")
    minutes = fields["minutes"].number(1, 1440)
    shares = {name: fields[name].shares() for name in ("languages", "moods") if name in fields}
    moods = _moods(fields["moods"], words) if "moods" in fields else dict.fromkeys(words.matter_of, 1.0)
    languages = shares.get("languages", {"en": 1.0})
    _check_spoken(fields.get("languages", top), languages, moods, words, set(brands.values()))
    bursts = [_burst(node, words, brands, moods, minutes) for node in _list(fields.get("bursts"))]
    return Scenario(
        title=fields["title"].text(),
        minutes=minutes,
        seed=int(fields["seed"].number(0, 2**31)) if "seed" in fields else 1,
        brands=brands,
        rhythm=_rhythm(fields["rhythm"], minutes),
        bursts=tuple(bursts),
        languages=languages,
        moods=moods,
        reach=fields["reach"].shares(*REACH) if "reach" in fields else {"mention": 1.0},
        habits=_habits(fields.get("habits")),
        stories=tuple(_story(node, words) for node in _list(fields.get("stories"))),
        words=words,
    )


def _list(node: Node | None) -> list[Node]:
    return list(node.items()) if node else []


def _rhythm(node: Node, minutes: float) -> tuple[tuple[float, float], ...]:
    points = []
    for name, each in node.fields().items():
        if not name.replace(".", "", 1).isdigit() or float(name) > minutes:
            raise each.wrong(f"should be a minute from 0 to {minutes:g}.")
        points.append((float(name), each.number(0, 10_000)))
    if not points:
        raise node.wrong("should say how many tweets a minute come, at one minute at least.")
    return tuple(sorted(points))


def _habits(node: Node | None) -> dict[str, float]:
    said = {name: each.number(0, 1) for name, each in node.fields(*HABITS).items()} if node else {}
    return {name: said.get(name, 0.0) for name in HABITS}


def _moods(node: Node, words: Words) -> dict[str, float]:
    return node.shares(*words.matter_of)


def _check_spoken(
    node: Node, languages: dict[str, float], moods: dict[str, float], words: Words, trades: set[str]
) -> None:
    """Whatever can be drawn must have words."""
    for language in names_in(languages):
        if language not in words.openings or language not in words.agreeing:
            raise node.wrong(f"has `{language}`, for which words.yaml has no openings or nothing to agree with.")
        for mood in names_in(moods):
            if mood not in words.closings.get(language, {}):
                raise node.wrong(f"has `{language}`, for which words.yaml has no closing that is {mood}.")
            for trade in trades:
                if words.matter_of[mood] not in words.matters[trade].get(language, {}):
                    raise node.wrong(f"has `{language}`, in which nobody says any {words.matter_of[mood]} of {trade}.")


def _burst(node: Node, words: Words, brands: dict[str, str], moods: dict[str, float], minutes: float) -> Burst:
    needed = ("at", "times", "halves_in", "brand", "matters")
    fields = node.fields(*needed, "moods", needed=needed)
    matters = fields["matters"].each(lambda one: _filled(one, words))
    if "en" not in matters:
        raise fields["matters"].wrong("should have English texts, which others fall back to.")
    return Burst(
        at=fields["at"].number(0, minutes),
        times=fields["times"].number(1, 1000),
        halves_in=fields["halves_in"].number(0.1, 1440),
        brand=fields["brand"].one_of(*brands),
        moods=_moods(fields["moods"], words) if "moods" in fields else moods,
        matters=matters,
    )


def _story(node: Node, words: Words) -> Story:
    needed = ("name", "trade", "language", "opens", "steps")
    fields = node.fields(*needed, "share", "by", needed=needed)
    return Story(
        name=fields["name"].text(),
        trade=fields["trade"].one_of(*words.matters, "any"),
        language=fields["language"].one_of(*words.openings),
        share=fields["share"].number(0, 1000) if "share" in fields else 1.0,
        by=fields["by"].one_of("mention", "private") if "by" in fields else "mention",
        opens=_filled(fields["opens"], words),
        steps=tuple(_step(step, words) for step in fields["steps"].items()),
    )


def _step(node: Node, words: Words) -> Step:
    fields = node.fields("patience", "answered", "invited", "unanswered", needed=("patience",))
    reactions = {name: _reaction(fields[name], words) for name in fields if name != "patience"}
    if not reactions:
        raise node.wrong("should say what happens when it is answered, invited or unanswered.")
    return Step(
        patience=fields["patience"].number(0.1, 1440),
        answered=reactions.get("answered"),
        invited=reactions.get("invited"),
        unanswered=reactions.get("unanswered"),
    )


def _reaction(node: Node, words: Words) -> Reaction:
    fields = node.fields("by", "says", "after", "deletes", "ends")
    after = [one.number(0, 1440) for one in fields["after"].items()] if "after" in fields else [0.5, 3.0]
    if len(after) != 2 or after[0] > after[1]:
        raise fields["after"].wrong("should be two numbers of minutes, the smaller first.")
    return Reaction(
        by=fields["by"].one_of(*WAYS) if "by" in fields else "reply",
        says=_filled(fields["says"], words) if "says" in fields else (),
        after=(after[0], after[1]),
        deletes=fields["deletes"].flag() if "deletes" in fields else False,
        ends=fields["ends"].flag() if "ends" in fields else False,
    )


def _words(top: Node) -> Words:
    known = ("names", "slots", "moods", "openings", "closings", "agreeing", "matters", "pictures")
    fields = top.fields(*known, needed=known)
    names = fields["names"].fields("first", "last", needed=("first", "last"))
    slots = fields["slots"].each(lambda one: one.texts())
    bare = Words((), (), slots, {}, {}, {}, {}, {}, ())
    ways = ("direct", "broad", "proactive", "private")
    return Words(
        first_names=names["first"].texts(),
        last_names=names["last"].texts(),
        slots=slots,
        matter_of=fields["moods"].each(lambda one: one.one_of(*MATTERS)),
        openings=fields["openings"].each(
            lambda one: {way: _filled(node, bare) for way, node in one.fields(*ways, needed=ways).items()}
        ),
        closings=fields["closings"].each(lambda one: one.each(lambda node: _filled(node, bare))),
        agreeing=fields["agreeing"].each(lambda node: _filled(node, bare)),
        matters=fields["matters"].each(
            lambda trade: trade.each(lambda one: {m: _filled(n, bare) for m, n in one.fields(*MATTERS).items()})
        ),
        pictures=fields["pictures"].texts(),
    )


def _filled(node: Node, words: Words) -> tuple[str, ...]:
    """Texts whose every slot can be filled."""
    texts = []
    for one in node.items():
        text = one.text()
        try:
            slots = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        except ValueError as error:
            raise one.wrong(f"has a curly bracket that opens or closes nothing ({error}).") from error
        for slot in sorted(slots - set(ALWAYS) - set(words.slots)):
            raise one.wrong(f"has the slot {{{slot}}}, which words.yaml does not fill.")
        texts.append(text)
    return tuple(texts)
