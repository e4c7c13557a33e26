"""Who follows, blocks and mutes whom, and what that keeps them from seeing."""

from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.world import Account, Tweet, World

FOLLOW, BLOCK, MUTE, PRIVATE_BLOCK = "follow", "block", "mute", "private_block"


def relate(world: World, kind: str, source_id: int, target_id: int) -> bool:
    """Says whether it is new. Who blocks somebody ends that both follow each other."""
    with world.storage.transaction():
        new = world.storage.execute(
            "INSERT OR IGNORE INTO relations VALUES (?, ?, ?, ?)", (kind, source_id, target_id, now_ms())
        )
        if kind == BLOCK:
            unrelate(world, FOLLOW, source_id, target_id)
            unrelate(world, FOLLOW, target_id, source_id)
    return new.rowcount > 0


def unrelate(world: World, kind: str, source_id: int, target_id: int) -> bool:
    """Says whether there was anything to end."""
    with world.storage.transaction():
        gone = world.storage.execute(
            "DELETE FROM relations WHERE kind = ? AND source_id = ? AND target_id = ?", (kind, source_id, target_id)
        )
    return gone.rowcount > 0


def does(world: World, source_id: int | None, kind: str, target_id: int | None) -> bool:
    """Whether one follows, blocks or mutes the other."""
    return bool(
        world.storage.execute(
            "SELECT 1 FROM relations WHERE kind = ? AND source_id = ? AND target_id = ?", (kind, source_id, target_id)
        ).fetchone()
    )


def following(world: World, account_id: int) -> int:
    return world.storage.execute(
        "SELECT count(*) FROM relations WHERE kind = 'follow' AND source_id = ?", (account_id,)
    ).fetchone()[0]


def why_hidden(world: World, tweet: Tweet, viewer_id: int | None) -> str:
    """Why this viewer does not get to see a tweet: "suspended", "protected", "blocked", or nothing."""
    if viewer_id == tweet.author_id:
        return ""
    reason = world.unseen.get(tweet.author_id, "")
    if reason == "protected" and viewer_id and does(world, viewer_id, FOLLOW, tweet.author_id):
        return ""
    if not reason and viewer_id and does(world, tweet.author_id, BLOCK, viewer_id):
        return "blocked"
    return reason


def takes_private(world: World, sender: Account, recipient: Account) -> bool:
    """Whether the sender may write to the recipient privately; who wrote first may always be answered."""
    if sender.id == recipient.id or recipient.suspended or sender.suspended:
        return False
    if any(
        does(world, one, kind, other)
        for one, other in ((sender.id, recipient.id), (recipient.id, sender.id))
        for kind in (BLOCK, PRIVATE_BLOCK)
    ):
        return False
    if recipient.takes_private == "everyone" or _wrote(world, recipient.id, sender.id):
        return True
    return recipient.takes_private == "followers" and does(world, recipient.id, FOLLOW, sender.id)


def _wrote(world: World, sender_id: int, recipient_id: int) -> bool:
    smaller, larger = sorted((sender_id, recipient_id))
    return bool(
        world.storage.execute(
            "SELECT 1 FROM private_events WHERE conversation_id = ? AND sender_id = ? LIMIT 1",
            (f"{smaller}-{larger}", sender_id),
        ).fetchone()
    )
