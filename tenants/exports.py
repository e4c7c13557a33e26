"""Everything of a brand in one file: a table of comma-separated values each, its logo, and what it all is.

Read as the owner at one moment of the database's. Secrets stay behind: what is sealed, and hashes of words and keys.
"""

import csv
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, Cursor, sql

from tenants import schemas, walls
from tenants.models import Brand

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 2000
_LEFT_OUT = ("sealed_", "_hash")

_README = """{name}: everything that Nightjar keeps of this brand, as it stood on {now:%Y-%m-%d at %H:%M:%S} UTC.

One file per table, in UTF-8, comma-separated, with the columns' names first. Times are in UTC (ISO 8601). Twitter's
ids are numbers of up to 19 digits: read them as text, or a spreadsheet rounds them. A cell that begins like a formula
has an apostrophe before it. What Twitter sent is in inbox_payload.csv, word for word. Who did what is in audit.csv:
each line carries the hash of the line before (SHA-256), so that it can be checked that none is missing.

Not in here: passwords, keys and secrets. They are sealed, and end with the brand.
"""

_PEOPLE = """SELECT DISTINCT u.id, u.name, u.email FROM accounts_user u JOIN accounts_membership m ON m.user_id = u.id
WHERE m.agency_id = %s AND (m.brand_id IS NULL OR m.brand_id = %s) ORDER BY u.id"""
_AUDIT = "SELECT * FROM accounts_auditentry WHERE chain = %s ORDER BY number"


def write_export(brand: Brand, place: Path, *, now: datetime) -> tuple[int, str]:
    """Write the export of this brand to this place, for its owner's eyes alone; its size and SHA-256.

    It appears there whole or not at all.
    """
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = place.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _README.format(name=brand.name, now=now))
            _write_tables(archive, brand)
        file.flush()
        os.fsync(file.fileno())
    with unfinished.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    unfinished.replace(place)
    return place.stat().st_size, sha256


def safe_cell(value: Any) -> str:
    """A value as a spreadsheet may open it: nothing in it is a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value).decode("utf-8", "replace")
    elif isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    elif not isinstance(value, str):
        return str(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _write_tables(archive: zipfile.ZipFile, brand: Brand) -> None:
    with schemas.as_owner_of(brand.schema_name) as cursor:
        logo = cursor.execute("SELECT png FROM tenants_logo WHERE brand_id = %s", [brand.pk]).fetchone()
        if logo:
            archive.writestr("logo.png", bytes(logo[0]))
        for name, question, values in _questions(brand):
            _write_table(archive, name, cursor.connection, question, values)


def _questions(brand: Brand) -> Iterator[tuple[str, Any, list[Any]]]:
    schema = sql.Identifier(brand.schema_name)
    for model in walls.brand_tables():
        table = sql.SQL("{}.{}").format(schema, sql.Identifier(model._meta.db_table))
        yield model._meta.db_table, sql.SQL("SELECT * FROM {}").format(table), []
    yield "tenants_brand", "SELECT * FROM tenants_brand WHERE id = %s", [brand.pk]
    for name in schemas.OF_A_BRAND:
        if name != "tenants_logo":
            yield name, sql.SQL("SELECT * FROM {} WHERE brand_id = %s").format(sql.Identifier(name)), [brand.pk]
    yield "people", _PEOPLE, [brand.agency_id, brand.pk]
    yield "audit", _AUDIT, [f"b{brand.pk}"]


def _write_table(
    archive: zipfile.ZipFile, name: str, connection: Connection[Any], question: Any, values: list[Any]
) -> None:
    with (
        connection.cursor(name="export") as cursor,
        archive.open(f"{name}.csv", "w", force_zip64=True) as member,
        io.TextIOWrapper(member, "utf-8", newline="") as text,
    ):
        cursor.itersize = _AT_ONCE
        cursor.execute(question, values)
        _write_rows(csv.writer(text), cursor, is_audit=name == "audit", packed=_packed().get(name, ()))


def _packed() -> dict[str, tuple[str, ...]]:
    """Of each table, the columns whose bytes are packed (zlib) as they lie there."""
    return {model._meta.db_table: getattr(model, "packed", ()) for model in walls.brand_tables()}


def _write_rows(writer: Any, cursor: Cursor[Any], *, is_audit: bool, packed: Sequence[str]) -> None:
    columns = [column.name for column in cursor.description or ()]
    kept = [
        place
        for place, column in enumerate(columns)
        if is_audit or not (column.startswith(_LEFT_OUT[0]) or column.endswith(_LEFT_OUT[1]))
    ]
    unpack = {place for place, column in enumerate(columns) if column in packed}
    writer.writerow([columns[place] for place in kept])
    for row in cursor:
        writer.writerow([safe_cell(_unpacked(row[at]) if at in unpack else row[at]) for at in kept])


def _unpacked(value: bytes) -> bytes:
    """What was packed; whatever else lies there as it is, since an export leaves nothing out."""
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value
