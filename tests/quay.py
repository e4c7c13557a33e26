# ruff: noqa: E501
"""What the whole channel brings into two brands and what becomes of it, for pictures: private messages, pictures, edits,
deletions, who hid, who was only overheard, and replies in every state in which they stay. Each comes over the wire."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
from inbox.domain import blind_spots, costs, handoffs, listening, outages, pulses, replies
from inbox.enums import Direction, Reach, ReplyStatus, Source
from inbox.models import Conversation, Message, Reply
from tenants import entry
from tests.services import PASSWORD, PEOPLE, Running, eventually

LONG = (
    "@TernFerries You asked what happened on the 08:05 from Velas yesterday, so here it is in full. We were told at the "
    "gate that the boat was full, although we had booked in May. Then a man in your jacket let eleven people pass who had "
    "no ticket at all; I have their photo, and he knew them. We waited four hours with my mother, who is eighty-one, on a "
    "bench without a roof. Nobody brought water. When the next boat came we were asked to pay again, and paid. I want the "
    "second fare back, and I want somebody to say that this was wrong. I am not angry at the crew, who were kind."
)
HEDDA = ("hedda_lund", "Hedda Lund")
PHOTO = {"kind": "photo", "alt_text": "A suitcase without a handle, taped shut, on the quay at Horta"}


def settle(running: Running) -> dict[str, str]:
    """Everything is written on the sandbox's Twitter, and waited for; the addresses of pages by name."""
    # In a thread of its own: while a browser runs, the test's is taken for async code, which may not ask the database.
    with ThreadPoolExecutor(1) as thread:
        paths = thread.submit(_settle, running).result()
        thread.submit(lambda: connection.close()).result()  # the connection of that thread
    return paths


def _settle(running: Running) -> dict[str, str]:
    brand = running.brands["tern"]
    _listen(running)
    _write_in_public(running)
    _write_in_private(running)
    _be_overheard(running)
    names = ("hedda_lund", "obrennan", "shyharbour", "lowtide", "caspar_ny", "zofia_k")
    # What the stream misses while its rules are new comes by the next search.
    assert eventually(lambda: _conversations(running, names) == len(names), 180)
    edited = _change_their_minds(running)
    _answer(running)
    # Once it was looked up again, which a brand whose money is spent does once a day alone: so before the budget.
    assert eventually(lambda: _is_hidden(running, "shyharbour"), 120)
    _cost(running)
    with entry.brand(brand):
        found = Conversation.objects.filter(customer__username__in=names).values_list("customer__username", "pk")
        return {"edited": f"/status/{edited}", **{name: f"/b/tern/conversations/{pk}/" for name, pk in found}}


def _is_hidden(running: Running, name: str) -> bool:
    with entry.brand(running.brands["tern"]):
        return Message.objects.filter(conversation__customer__username=name, hidden_at__isnull=False).exists()


def _listen(running: Running) -> None:
    """Two queries, and Twitter is told at once."""
    who: dict[str, Any] = {"by": _person(running, "omar"), "role": Role.ADMIN, "now": timezone.now()}
    with entry.brand(running.brands["tern"]):
        listening.add(name="Our name, written apart", query='"tern ferries"', reach=Reach.BROAD, **who)
        listening.add(
            name="Delays, whoever is late", query='ferry (late OR delayed OR "no boat")', reach=Reach.PROACTIVE, **who
        )
    listening.reconcile(now=timezone.now())


def _person(running: Running, name: str) -> User:
    return User(pk=running.people[name], name=next(full for full, short, *_ in PEOPLE if short == name))


def _conversations(running: Running, names: tuple[str, ...]) -> int:
    with entry.brand(running.brands["tern"]):
        return Conversation.objects.filter(customer__username__in=names).count()


def _write_in_public(running: Running) -> None:
    now, told = timezone.now(), {}
    people: tuple[tuple[str, str], ...] = (HEDDA, ("obrennan", "Orla Brennan"), ("shyharbour", "Shy Harbour"), ("zofia_k", "Zofia Kowal"))  # fmt: skip
    for username, name in people:
        told[username] = running.twitter.people([{"username": username, "name": name, "followers": 310}])[0]["id"]

    def says(who: str, minutes: float, text: str, **more: Any) -> str:
        tweet = {"author_id": told.get(who, who), "text": text, "created_at": (now - timedelta(minutes=minutes)).isoformat()}  # fmt: skip
        return str(running.twitter.tweets([{**tweet, **more}])["ids"][0])

    ours = str(running.handle("tern")[0])
    first = says(
        "hedda_lund",
        50,
        "@TernFerries This is how my suitcase came off the 14:20. And where is the handle?",
        media=[PHOTO],
    )
    answer = says(
        ours,
        44,
        "That is not how it should look, Hedda, and I'm sorry. Which sailing was it, and from where? ^IF",
        in_reply_to_tweet_id=first,
    )
    says("hedda_lund", 40, "@TernFerries The one at 14:20 from Horta, I said so. Here it is from behind, and how it rolls.", in_reply_to_tweet_id=answer, media=["photo", "photo", "video"])  # fmt: skip
    says("hedda_lund", 31, "@TernFerries And this is what I think of it", in_reply_to_tweet_id=answer, media=[{"kind": "gif", "alt_text": "A gull drops a chip into the sea"}])  # fmt: skip
    says("obrennan", 26, LONG)
    says(
        "shyharbour", 4, "@TernFerries My card was charged twice for one crossing. Please do not show this to anybody."
    )
    says("zofia_k", 15, "@TernFerries Your bar is closed and the sea is rough. Is there any water on this boat?")


def _write_in_private(running: Running) -> None:
    def writes(sender: str, to: str, text: str, **more: Any) -> None:
        running.twitter.private(sender=sender, to=to, text=text, **more)

    writes(
        "hedda_lund",
        "TernFerries",
        "My booking is TF-20831, and the phone number is 0712 555 018. The suitcase was a present.",
    )
    writes(
        "TernFerries",
        "hedda_lund",
        "Thank you, Hedda. I have found it, and I have opened a claim: you will hear from us by Tuesday. ^IF",
    )
    writes("hedda_lund", "TernFerries", "Here is the receipt.", media={"kind": "photo", "alt_text": "A receipt over 129 euros"})  # fmt: skip
    writes("hedda_lund", "TernFerries", "My account number is in this one.", encrypted=True)
    running.twitter.people([{"username": "lowtide", "name": "Low Tide", "followers": 12}])
    writes("lowtide", "TernFerries", "Hello, can I change the name on a ticket? It is for my sister.")


def _be_overheard(running: Running) -> None:
    person = running.twitter.people([{"username": "caspar_ny", "name": "Caspar Nyberg", "followers": 5_120}])[0]
    for attempt in range(20):  # until the stream has the rules of the brand
        running.twitter.tweets([{"author_id": person["id"], "text": f"Tern Ferries again: no boat before noon, and nobody in Velas says why. ({attempt + 1})"}])  # fmt: skip
        if eventually(lambda: _conversations(running, ("caspar_ny",)) == 1, 2):
            break


def _change_their_minds(running: Running) -> str:
    """Hedda edits, Orla deletes one of two, one account closes its doors."""
    with entry.brand(running.brands["tern"]):
        said = dict(Message.objects.filter(conversation__customer__username="hedda_lund", direction=Direction.INBOUND, is_private=False).values_list("text", "pk"))  # fmt: skip
    edited = next(str(pk) for text, pk in said.items() if "14:20 from Horta" in text)
    gone = next(str(pk) for text, pk in said.items() if "what I think" in text)
    running.twitter.edit(edited, "@TernFerries The one at 14:20 from Velas, not Horta. Here it is from behind, and how it rolls.", force=True)  # fmt: skip
    running.twitter.delete(gone)
    running.twitter.change("shyharbour", protected=True)
    return edited


def _answer(running: Running) -> None:
    """One reply that Twitter refused, one of which nobody knows, one that a person posts in X, one in parts."""
    now = timezone.now()
    with entry.brand(running.brands["tern"]):
        who: dict[str, Any] = {"by": _person(running, "ines"), "role": Role.AGENT, "now": now}

        def theirs(username: str) -> dict[str, Any]:
            conversation = Conversation.objects.select_related("customer").get(customer__username=username)
            newest = conversation.messages.filter(direction=Direction.INBOUND).order_by("pk").last()
            assert newest
            return {"conversation": conversation, "answers_id": newest.pk, **who}

        handoffs.hand_over(text="We know, Caspar, and we are sorry: the Alcyone has engine trouble, the next boat leaves at 12:40 from pier 2. ^IF", **theirs("caspar_ny"))  # fmt: skip
        lost = replies.compose(text="There is, Zofia: ask at the desk on deck 3, it costs nothing. ^IF", **theirs("zofia_k"))  # fmt: skip
        Reply.objects.filter(pk=lost.pk).update(status=ReplyStatus.UNKNOWN, posting_since=now - timedelta(minutes=3), undo_until=None, attempt=1, why="The connection broke before an answer. Twitter does not show it.")  # fmt: skip
        spare = replies.compose(text="It is on deck 3, by the stairs. ^IF", **theirs("zofia_k"))
        Reply.objects.filter(pk=spare.pk).update(status=ReplyStatus.REFUSED, undo_until=None, attempt=1, why="Twitter refused it: You are not allowed to create a Tweet with duplicate content.")  # fmt: skip


def _cost(running: Running) -> None:
    """A blind spot that stayed, a budget that will not last, a way in trouble."""
    now, handle = timezone.now(), running.handle("tern")[0]
    with entry.brand(running.brands["tern"]):
        costs.set_budget(dollars="0.50", by=_person(running, "omar"), role=Role.ADMIN, now=now)
        begins = (now - timedelta(days=1)).replace(hour=2, minute=10, second=0, microsecond=0)
        span = (begins, begins + timedelta(minutes=15))
        blind_spots.note(
            handle_id=handle,
            source=Source.WEBHOOK,
            begins_at=span[0],
            ends_at=span[1],
            why="Nobody was awake here.",
            now=now,
        )
        blind_spots.conclude(
            blind_spots.newest()[0], tried=[{"way": "mentions"}, {"way": "search"}], left=[span], now=now
        )
        pulses.troubled(handle_id=handle, source=Source.MENTIONS, why="Twitter answered 503 three times.", now=now)
    with entry.directory():
        outages.begin(outages.STREAM, why="Twitter closed it: operational disconnect.", now=now)
    running.people["astrid"] = add_person(
        email=running.email("astrid"),
        name="Astrid Vik",
        password=PASSWORD,
        agency_id=running.agency.pk,
        role=Role.ADMIN,
        is_demonstration=True,
    )
