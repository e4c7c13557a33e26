"""One of each thing that an address can name, in a brand; each text holds the brand's own word."""

from inbox.domain import deliveries
from inbox.enums import ErrandKind, ErrandState, ReplyStatus
from tenants import sealing
from tenants.models import Brand
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.doors.addresses import OURS, THEIRS
from tests.factories import (
    CannedResponseFactory,
    ConversationFactory,
    CustomerFactory,
    DeliveryFactory,
    ErrandFactory,
    GuidanceFactory,
    ListeningQueryFactory,
    MessageFactory,
    NoteFactory,
    PlaybookFactory,
    ReplyFactory,
    ReplyMediaFactory,
    TagFactory,
    TaggingFactory,
    WebhookFactory,
)


def word_of(slug: str) -> str:
    """What is in every text of this brand and nowhere else."""
    return f"{slug}word"


def fill(brand: Brand, *, is_ours: bool, person_id: int) -> None:
    """Fill the brand that we stand in; everything in it has the one key."""
    pk, word = (OURS, word_of(brand.slug)) if is_ours else (THEIRS, word_of(brand.slug))
    handle_id = ACME_HANDLE if is_ours else CANARY_HANDLE
    customer = CustomerFactory(id=pk, username=f"{word}jo")
    conversation = ConversationFactory(id=pk, customer=customer, handle_id=handle_id)
    MessageFactory(id=pk, conversation=conversation, text=f"the word is {word}")
    # Elsewhere, since a conversation is not closed while a reply's fate is open.
    another = ConversationFactory(id=pk + 1, handle_id=handle_id)
    message = MessageFactory(id=pk + 1, conversation=another, text=f"again {word}")
    reply = ReplyFactory(
        id=pk,
        conversation=another,
        author_id=person_id,
        text=f"we say {word}",
        status=ReplyStatus.UNKNOWN,
        why="No answer came.",
        approved_by_id=person_id,
        approved_at=NOON,
        posting_since=NOON,
    )
    ReplyMediaFactory(id=pk, reply=reply, alt_text=f"a picture of {word}", added_by_id=person_id)
    ErrandFactory(
        id=pk,
        kind=ErrandKind.HIDE,
        message=message,
        state=ErrandState.UNKNOWN,
        why=f"No answer came about {word}.",
        begun_at=NOON,
        wanted_by_id=person_id,
    )
    NoteFactory(id=pk, conversation=conversation, text=f"a note of {word}", noted_by_id=person_id)
    tag = TagFactory(id=pk, name=f"tag {word}")
    TaggingFactory(id=pk, conversation=conversation, tag=tag, tagged_by_id=person_id)
    CannedResponseFactory(id=pk, name=f"canned {word}", text=f"Sorry, {{name}}. {word}")
    playbook = PlaybookFactory(id=pk, name=f"playbook {word}", topic="bags")
    GuidanceFactory(id=pk, playbook=playbook, sentence=f"guidance {word}")
    secret = sealing.seal("whsec_c2VjcmV0", place=deliveries.place_of(pk))
    webhook = WebhookFactory(id=pk, name=f"hook {word}", made_by_id=person_id, sealed_secret=secret)
    DeliveryFactory(id=pk, webhook=webhook)
    ListeningQueryFactory(id=pk, name=f"query {word}", query=f"{word} OR bags", made_by_id=person_id)
