"""A second agency, for pictures: four brands in every state of coming and going, and what stands in them.

It has people, replies that wait, notes, keys, a webhook with a log, an ending; nothing of it is in other tests' way.
"""

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.domain import endings, founding, invitations, keys
from accounts.domain.people import add_person
from accounts.enums import Role, Scope
from accounts.models import Membership, User
from inbox.domain import credentials, notes, replies, tags
from inbox.models import Conversation, Delivery, Webhook
from tenants import badges, entry, schemas
from tenants.models import Agency, Brand, BrandState, MarkKind
from tests.services import PASSWORD, Running, eventually

AGENCY = "lumen"
BRANDS = (
    ("Solis Energie", "solis", "SolisEnergie", "#ffe14d", "Europe/Berlin"),
    ("Fable Toys", "fable", "FableToys", "#7a1f6b", "Europe/Lisbon"),
    ("Kraftfahrzeug-Zulassungsdienst Süddeutschland", "kfz", "KfzSueddeutsch", "#2f6f4f", "Europe/Berlin"),
    ("Brightwater Clinics", "brightwater", "BrightwaterCare", "#0e7490", "America/New_York"),
)
PEOPLE: tuple[tuple[str, str, Role | None, str | None], ...] = (
    ("Ada Berg", "ada", Role.ADMIN, None),
    ("Agnes Lindqvist-Oberhauser", "agnes", Role.AGENT, None),
    ("Tom Rook", "tom", Role.TRAINEE, None),
    ("Clara Sonnleitner", "clara", Role.CLIENT_APPROVER, "solis"),
    ("Benno Kranz", "benno", Role.CLIENT_APPROVER, "kfz"),
    ("Olga Sand", "olga", None, None),
)
# Who, name, to which brand, how many minutes ago, what.
TALK = (
    ("jonaswinter", "Jonas Winter", "solis", 9, "No power on Lindenallee since six. Two small children, no heating, and your hotline plays music. When?"),
    ("m_oberlin", "Maria-Magdalena von Oberlin-Westerhagen", "solis", 21, "You have billed me for the flat I moved out of in March. Third letter. Can somebody please read them?"),
    ("petekowal", "Pete Kowalski", "solis", 34, "Is the Sunday tariff coming back? I have my dryer on a timer and my wife thinks I am mad."),
    ("noraquist", "Nora Quist", "fable", 14, "The dragon came without its wings. Birthday is on Saturday. He has not stopped asking."),
    ("ravi_n", "Ravi Nair", "fable", 40, "Is the wooden train safe for a two-year-old who eats everything?"),
    ("sabinelotz", "Sabine Lotz", "kfz", 25, "Mein Termin zur Fahrzeugzulassung wurde ohne Benachrichtigung verschoben. Geschwindigkeitsbegrenzungen sind nichts dagegen."),
    ("dcarver", "Denise Carver", "brightwater", 18, "Waited two hours past my appointment at Elm St and then was told to come back tomorrow."),
)  # fmt: skip


@dataclass
class Lumen:
    """What the pictures ask for by name: addresses, and keys of rows."""

    agency: Agency
    brands: dict[str, Brand] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def person(self, name: str) -> User:
        return User(pk=self.people[name], name=next(full for full, short, *_ in PEOPLE if short == name))


def settle(running: Running) -> Lumen:
    """Found the agency and fill it, through the domain; then everything waits for its picture."""
    lumen = Lumen(schemas.create_agency(name="Lumen Care", slug=AGENCY, now=timezone.now()))
    for number, (name, slug, username, colour, zone) in enumerate(BRANDS):
        lumen.brands[slug] = schemas.create_brand(
            agency=lumen.agency,
            name=name,
            slug=slug,
            colour=colour,
            zone=zone,
            now=timezone.now(),
            state=BrandState.LIVE,
        )
        _connect(running, lumen.brands[slug], 1_950_000_000_000_000_001 + number, username)
    _hire(running, lumen)
    _found_and_end(lumen)
    _dress(lumen)
    _write(running, lumen)
    with entry.brand(lumen.brands["solis"]):
        _talk_over(lumen)
        _tell_programs(lumen)
    with entry.brand(lumen.brands["kfz"]):
        lumen.paths["german"] = f"/b/kfz/conversations/{_conversation('sabinelotz').pk}/"
    with entry.agency(lumen.agency.pk):
        founding.suspend(brand=lumen.brands["kfz"], by=_row(lumen, "ada"), now=timezone.now())
    return lumen


def _connect(running: Running, brand: Brand, handle: int, username: str) -> None:
    running.twitter.people([{"id": str(handle), "username": username, "name": brand.name, "followers": 41_200}])
    schemas.add_handle(brand=brand, twitter_id=handle, username=username)
    with entry.brand(brand):
        token = running.twitter.token_of(handle)
        credentials.store(handle_id=handle, username=username, access_token=token, now=timezone.now())
    credentials.subscribe(handle)


def _hire(running: Running, lumen: Lumen) -> None:
    for name, mailbox, role, slug in PEOPLE:
        lumen.people[mailbox] = add_person(
            email=running.email(mailbox),
            name=name,
            password=PASSWORD,
            agency_id=lumen.agency.pk if role else None,
            role=role,
            brand_id=lumen.brands[slug].pk if slug else None,
            is_operator=role is None,
            is_demonstration=True,
        )
    lumen.people["newly"] = add_person(
        email=running.email("newly"), name="Nadia Newly", password=PASSWORD, agency_id=lumen.agency.pk, role=Role.ADMIN
    )


def _row(lumen: Lumen, name: str) -> User:
    return User.objects.defer("password").get(pk=lumen.people[name])


def _found_and_end(lumen: Lumen) -> None:
    """A brand that is getting ready, and one whose end was asked for."""
    now, agency_id = timezone.now(), lumen.agency.pk
    with entry.agency(agency_id):
        ada = _row(lumen, "ada")
        preparing = founding.found_brand(
            agency_id=agency_id,
            name="Halden Bicycles",
            slug="halden",
            colour="#c2410c",
            zone="Europe/Oslo",
            by=ada,
            now=now,
        )
        leaving = founding.found_brand(
            agency_id=agency_id, name="Old Post Delicatessen", slug="oldpost", colour="#334155", by=ada, now=now
        )
    for brand in (preparing, leaving):
        schemas.build_brand(brand.pk)
    with entry.agency(agency_id):
        ending = endings.ask(brand=leaving, by=ada, now=now)
        for email, name, role, slug in (
            ("clara.fable@fable.test", "Clara Fable", Role.CLIENT_VIEWER, "fable"),
            ("sven@lumen.test", "Sven Aalto", Role.SUPERVISOR, None),
        ):
            brand_id = lumen.brands[slug].pk if slug else None
            _, word = invitations.invite(
                agency_id=agency_id, brand_id=brand_id, role=role, email=email, name=name, by=ada, now=now
            )
            lumen.paths["invitation" if slug else "invitation-agency"] = f"/invitation/{word}/"
    lumen.paths["preparing"] = f"/admin/tenants/brand/{preparing.pk}/"
    lumen.paths["live"] = f"/admin/tenants/brand/{lumen.brands['solis'].pk}/"
    lumen.paths["ending"] = f"/admin/tenants/offboarding/{ending.pk}/"
    lumen.paths["agency"] = f"/admin/tenants/agency/{agency_id}/"


def end(running: Running, lumen: Lumen) -> None:
    """Go the way of an end through its page, as an admin does, until there is a certificate."""
    cookie, path = running.log_in("ada", AGENCY), lumen.paths["ending"]

    def says(words: str) -> bool:
        return words in running.ask("GET", path, host=AGENCY, cookie=cookie)[2]

    assert eventually(lambda: says("Fetch the export"), 30)
    running.post(f"{path}export/", cookie, host=AGENCY)
    running.post(f"{path}confirm/", cookie, host=AGENCY, typed="Old Post Delicatessen")
    assert eventually(lambda: says("Certificate of erasure"), 30)


def _dress(lumen: Lumen) -> None:
    """A logo, and the words a brand is known by."""
    now, solis = timezone.now(), lumen.brands["solis"]
    picture = Image.new("RGBA", (256, 256), "#ffe14d")
    draw = ImageDraw.Draw(picture)
    draw.pieslice((48, 96, 208, 256), 180, 360, fill="#1f2937")
    for place in range(5):
        draw.rectangle(
            (40 + place * 40, 40 + abs(2 - place) * 16, 52 + place * 40, 84 + abs(2 - place) * 10), "#1f2937"
        )
    png = io.BytesIO()
    picture.save(png, "PNG")
    with entry.agency(lumen.agency.pk):
        ada = _row(lumen, "ada")
        founding.set_logo(brand=solis, picture=badges.picture_from(png.getvalue()), by=ada, now=now)
        marks = [(MarkKind.PRODUCT, "Sunday tariff"), (MarkKind.PRODUCT, "Solis Box")]
        founding.set_marks(brand=solis, marks=marks, by=ada, now=now)
        memberships = list(Membership.objects.filter(user_id=ada.pk))
        for name, brand, scopes in (
            ("Nightly report for the board", solis, [Scope.REPORTS_READ]),
            ("Wall display in the office", None, [Scope.BRANDS_READ, Scope.DESK_READ]),
        ):
            keys.make(
                agency_id=lumen.agency.pk,
                brand_id=brand and brand.pk,
                name=name,
                scopes=scopes,
                by=ada,
                memberships=memberships,
                now=now,
            )


def _write(running: Running, lumen: Lumen) -> None:
    """Customers tweet; it is done when everything has arrived."""
    now, usernames = timezone.now(), {slug: username for _, slug, username, *_ in BRANDS}
    for username, name, slug, minutes, text in TALK:
        person = running.twitter.people([{"username": username, "name": name, "followers": 17 * minutes + 40}])[0]
        at = (now - timedelta(minutes=minutes)).isoformat()
        running.twitter.tweets([{"author_id": person["id"], "text": f"@{usernames[slug]} {text}", "created_at": at}])
    for slug, brand in lumen.brands.items():
        expected = sum(talk[2] == slug for talk in TALK)
        assert eventually(lambda: _count(brand) == expected, 20)  # noqa: B023, asked at once


def _count(brand: Brand) -> int:
    with entry.brand(brand):
        return Conversation.objects.count()


def _conversation(username: str) -> Conversation:
    return Conversation.objects.get(customer__username=username)


def _talk_over(lumen: Lumen) -> None:
    """What colleagues have done in Solis: two replies wait, one was sent back, a note, tags."""
    now, tom, agnes = timezone.now(), lumen.person("tom"), lumen.person("agnes")
    outage, bill, tariff = (_conversation(name) for name in ("jonaswinter", "m_oberlin", "petekowal"))
    for conversation, text in (
        (outage, "I'm sorry, Jonas. A cable broke at the Lindenallee works; our crew is there and the power is back by 21:00. I'll write to you again at 20:30. ^TR"),
        (bill, "You should not have had to write three times, Maria-Magdalena, and I'm sorry. The bill is cancelled as of today. ^TR"),
        (tariff, "no idea, ask sales"),
    ):  # fmt: skip
        reply = replies.compose(
            conversation=conversation,
            text=text,
            answers_id=int(conversation.last_message or 0),
            by=tom,
            role=Role.TRAINEE,
            now=now - timedelta(minutes=4),
        )
    why = "He asked kindly. Say that the tariff is back on 1 December, and give him the page."
    replies.send_back(reply=reply, by=agnes, role=Role.AGENT, why=why, now=now)
    given: dict[str, Any] = {"conversation": outage, "by": agnes, "role": Role.AGENT, "now": now}
    notes.write(text="Called the works: 21:00 is safe. Please do not promise anything earlier.", **given)
    for name in ("power cut", "vulnerable household"):
        tags.put_on(name=name, **given)
    for name, conversation in (("outage", outage), ("tariff", tariff), ("bill", bill)):
        lumen.paths[name] = f"/b/solis/conversations/{conversation.pk}/"


def _tell_programs(lumen: Lumen) -> None:
    """A webhook that is told well, and one that was paused; the log of the first."""
    now, later = timezone.now(), timezone.now() + timedelta(hours=5)
    common = {"sealed_secret": b"", "made_at": now, "made_by_id": lumen.people["ada"], "told_through": 2**60}
    kinds = ["reply_posted", "closed", "tagged"]
    told = Webhook.objects.create(
        name="Order system", url="https://orders.solis.example/nightjar", kinds=kinds, delivered_at=now, **common
    )
    Webhook.objects.create(
        name="Old data warehouse",
        url="https://warehouse.solis.example/incoming/customer-service/twitter/events?source=nightjar",
        kinds=["closed"],
        paused_at=now,
        paused_why="It answered with an error for 22 hours.",
        **common,
    )
    for seq, attempts, fields in (
        (1, 1, {"delivered_at": now, "last_status": 204}),
        (2, 3, {"delivered_at": now, "last_status": 200}),
        (3, 2, {"due_at": later, "last_status": 503, "last_error": "Service Unavailable"}),
        (4, 16, {"given_up_at": now, "last_error": "no answer within 10 seconds"}),
    ):
        made = {"due_at": None, "tried_at": now, **fields}
        Delivery.objects.create(webhook=told, event_seq=seq, made_at=now, attempts=attempts, **made)
    lumen.paths["webhook"] = f"/b/solis/settings/webhooks/{told.pk}/"
