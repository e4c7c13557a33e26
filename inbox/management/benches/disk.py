"""How many bytes on disk a million tweets take: by table and by index, what Twitter sent apart."""

from collections import Counter
from typing import Any

import psycopg
from django.conf import settings

from inbox.management.benches import house, payloads
from inbox.management.benches.stream import Stream, number

TWEETS = 40_000
BRANDS = 4


def measure() -> dict[str, Any]:
    """Real tweets through the real carriers; what four empty brands take already is left out."""
    brands = house.brands(BRANDS)
    schemas = [brand.schema_name for brand in brands]
    with Stream(brands) as stream:
        before = _sizes(schemas)
        phase = stream.offer(rate=number("TWEETS", TWEETS), seconds=1.0)
        stream.stop_carriers()
        stream.check()
    grown = Counter(_sizes(schemas))
    grown.subtract(before)
    per_million = {name: round(size / phase.offered) for name, size in grown.most_common() if size > 0}  # MB: 10^6/10^6
    sent = sum(size for name, size in per_million.items() if name.startswith("inbox_payload"))
    return {
        "value": sum(per_million.values()) - sent,
        "unit": "MB per million tweets, payloads apart",
        "payloads_mb": sent,
        "by_part_mb": per_million,
        "tweets": phase.offered,
        "payloads": payloads.source(),
    }


def _sizes(schemas: list[str]) -> dict[str, int]:
    """Bytes of every table and index that tweets are written to, and of what lies out of line."""
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner:
        return {str(name): int(size) for name, size in owner.execute(_SIZES, [schemas]).fetchall()}


_SIZES = """
SELECT CASE WHEN part.kind = 'rows' THEN c.relname ELSE c.relname || ' (' || part.kind || ')' END, sum(part.size)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT 'rows', pg_relation_size(c.oid)
    UNION ALL SELECT 'index ' || i.relname, pg_relation_size(i.oid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid
    UNION ALL SELECT 'out of line', pg_total_relation_size(c.reltoastrelid) WHERE c.reltoastrelid <> 0
) AS part(kind, size)
WHERE c.relkind = 'r' AND (n.nspname = ANY(%s) OR (n.nspname = 'public' AND c.relname = 'accounts_deskrow'))
GROUP BY 1
"""
