"""The tables of the sandbox's own SQLite file."""

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT NOT NULL,
    followers INTEGER NOT NULL DEFAULT 0,
    tweet_count INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_by_age ON accounts (created_ms, id);

CREATE TABLE IF NOT EXISTS tokens (
    digest TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    scope TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER
);

CREATE TABLE IF NOT EXISTS codes (
    digest TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    scope TEXT NOT NULL,
    challenge TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    grant_id INTEGER REFERENCES grants (id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grant_tokens (
    digest TEXT PRIMARY KEY,
    grant_id INTEGER NOT NULL REFERENCES grants (id),
    kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tweets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    prefix_length INTEGER NOT NULL DEFAULT 0,
    said TEXT NOT NULL,
    lang TEXT,
    created_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    in_reply_to_id INTEGER,
    in_reply_to_user_id INTEGER,
    quoted_id INTEGER,
    reposted_id INTEGER,
    mentioned TEXT NOT NULL DEFAULT '{}',
    deleted_ms INTEGER
);
CREATE INDEX IF NOT EXISTS tweets_by_author ON tweets (author_id, id);
CREATE INDEX IF NOT EXISTS tweets_by_conversation ON tweets (conversation_id, id);
CREATE INDEX IF NOT EXISTS tweets_by_parent ON tweets (in_reply_to_id) WHERE in_reply_to_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tweets_by_quoted ON tweets (quoted_id) WHERE quoted_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tweets_by_reposted ON tweets (reposted_id) WHERE reposted_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS mentions (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    typed INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    valid INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY,
    event_type TEXT NOT NULL,
    user_id INTEGER,
    filter TEXT NOT NULL,
    tag TEXT,
    webhook_id INTEGER REFERENCES webhooks (id),
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL,
    user_id INTEGER,
    event_type TEXT NOT NULL,
    event_uuid TEXT NOT NULL,
    tweet_id INTEGER,
    body BLOB,
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'delivered', 'given_up', 'withheld')),
    tries INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,
    last_error TEXT,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (due_ms, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, tries);

CREATE TABLE IF NOT EXISTS disturbances (
    name TEXT NOT NULL,
    user_id INTEGER NOT NULL DEFAULT 0,
    act TEXT NOT NULL DEFAULT '',
    times INTEGER,
    seconds REAL,
    PRIMARY KEY (name, user_id, act)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS relations (
    kind TEXT NOT NULL CHECK (kind IN ('follow', 'block', 'mute', 'private_block')),
    source_id INTEGER NOT NULL REFERENCES accounts (id),
    target_id INTEGER NOT NULL REFERENCES accounts (id),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, source_id, target_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS relations_by_target ON relations (kind, target_id);

CREATE TABLE IF NOT EXISTS likes (
    tweet_id INTEGER NOT NULL REFERENCES tweets (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (tweet_id, user_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS private_conversations (
    id TEXT PRIMARY KEY,
    is_group INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS private_members (
    conversation_id TEXT NOT NULL REFERENCES private_conversations (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS private_members_by_user ON private_members (user_id, conversation_id);

CREATE TABLE IF NOT EXISTS private_events (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('MessageCreate', 'ParticipantsJoin', 'ParticipantsLeave', 'Encrypted')),
    conversation_id TEXT NOT NULL REFERENCES private_conversations (id),
    sender_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    media_id INTEGER,
    participant_ids TEXT NOT NULL DEFAULT '[]',
    created_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    deleted_ms INTEGER
);
CREATE INDEX IF NOT EXISTS private_events_by_conversation ON private_events (conversation_id, id);

CREATE TABLE IF NOT EXISTS media (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES accounts (id),
    category TEXT NOT NULL,
    media_type TEXT NOT NULL,
    total_bytes INTEGER NOT NULL,
    content BLOB,
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    alt_text TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    ready_ms INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS media_parts (
    media_id INTEGER NOT NULL REFERENCES media (id),
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (media_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS rules (
    id INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE,
    tag TEXT,
    active_ms INTEGER NOT NULL,
    ended_ms INTEGER
);

CREATE TABLE IF NOT EXISTS stream_connections (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    connected_ms INTEGER NOT NULL,
    disconnected_ms INTEGER,
    reason TEXT
);

CREATE TABLE IF NOT EXISTS charges (
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (day, kind, resource)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    subject_id INTEGER NOT NULL,
    about TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    said, content='', detail='none',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co Pc'"
);
"""

# What tables got since files of them exist: a file of an older sandbox is brought up to date when it is opened.
ADDED_COLUMNS = {
    "accounts": {
        "description": "TEXT NOT NULL DEFAULT ''",
        "location": "TEXT NOT NULL DEFAULT ''",
        "url": "TEXT NOT NULL DEFAULT ''",
        "protected": "INTEGER NOT NULL DEFAULT 0",
        "suspended": "INTEGER NOT NULL DEFAULT 0",
        "verified": "INTEGER NOT NULL DEFAULT 0",
        "takes_private": "TEXT NOT NULL DEFAULT 'everyone'",
        "picture": "INTEGER NOT NULL DEFAULT 0",
    },
    "tweets": {
        "reply_settings": "TEXT NOT NULL DEFAULT 'everyone'",
        "first_id": "INTEGER",
        "superseded": "INTEGER NOT NULL DEFAULT 0",
        "hidden": "INTEGER NOT NULL DEFAULT 0",
        "deep_link": "TEXT",
        "media": "TEXT NOT NULL DEFAULT '[]'",
    },
    "webhooks": {"crc_ms": "INTEGER NOT NULL DEFAULT 0"},
}
LATER_INDEXES = """
CREATE INDEX IF NOT EXISTS accounts_unseen ON accounts (id) WHERE protected + suspended > 0;
CREATE INDEX IF NOT EXISTS tweets_by_first ON tweets (first_id, id) WHERE first_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tweets_by_answered ON tweets (in_reply_to_user_id, id) WHERE in_reply_to_user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_by_webhook ON deliveries (webhook_id, created_ms);
CREATE INDEX IF NOT EXISTS tweets_by_storing ON tweets (stored_ms);
DROP TABLE IF EXISTS faults;
"""

# Children before parents, so that foreign keys hold while emptying.
IN_ORDER_OF_EMPTYING = (
    "acts", "spending", "charges", "stream_connections", "rules", "media_parts", "media", "private_events",
    "private_members", "private_conversations", "likes", "relations", "deliveries", "subscriptions", "webhooks",
    "mentions", "tweets", "grant_tokens", "codes", "grants", "tokens", "accounts", "disturbances", "settings",
)  # fmt: skip
