"""The doctor: says in sentences what is well, notices each thing that is not, and changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings as current
from django.core.management import call_command
from django.utils import timezone
from psycopg import sql

from inbox.enums import ReplyStatus
from inbox.management.checks import processes, work
from inbox.management.commands.doctor import made
from tenants import live, schemas, walls
from tenants.management.checks import Finding, database, servers
from tests import factories
from tests.conftest import NOON, committed
from tests.world import free_port

pytestmark = pytest.mark.commits


# --- the servers ------------------------------------------------------------------------------------------------------


def test_all_three_log_ins_are_tried():
    assert said(servers.postgres()).endswith("answers to the application, the owner and the letterbox.")


@pytest.mark.parametrize("name", ["OWNER_DATABASE_URL", "LETTERBOX_DATABASE_URL"])
def test_a_log_in_that_is_refused_is_named_without_its_password(settings, name):
    right = getattr(settings, name)
    password = right.split(":")[2].split("@")[0]
    setattr(settings, name, right.replace(password, "swordfish"))

    finding = only(servers.postgres())

    assert finding.is_bad
    assert {"OWNER": "the owner", "LETTERBOX": "the letterbox"}[name.partition("_")[0]] in finding.sentence
    assert "swordfish" not in finding.sentence


def test_an_old_postgres_is_too_old(monkeypatch):
    monkeypatch.setattr(servers, "OLDEST_POSTGRES", 99)

    finding = only(servers.postgres())

    assert (finding.is_bad, finding.todo) == (True, "Use PostgreSQL 99 or newer.")


def test_two_sessions_stay_two():
    assert not only(servers.pooler()).is_bad


def test_a_pooler_that_mixes_sessions_is_noticed():
    with servers.log_in() as shared:
        finding = only(servers.pooler(lambda: nullcontext(shared)))

    assert finding.is_bad
    assert "pooler in transaction mode" in finding.sentence


def test_a_redis_that_is_there_says_its_version():
    assert said(servers.redis()).startswith("Valkey ")


def test_a_redis_that_is_away_is_named_without_its_password(settings):
    settings.REDIS_URL = f"redis://:swordfish@127.0.0.1:{free_port()}/0"

    finding = only(servers.redis())

    assert finding.is_bad
    assert "swordfish" not in finding.sentence


def test_a_full_disk_is_noticed():
    assert [only(servers.disk()).is_bad, only(servers.disk(least_free=10**18)).is_bad] == [False, True]


# --- the database -----------------------------------------------------------------------------------------------------


def test_a_prepared_database_is_of_this_release(new_brand):
    new_brand()

    assert said(database.migrations()).endswith("are of this release.")


def test_a_brand_that_is_behind_is_named(new_brand):
    brand = new_brand()
    with schemas.as_owner() as cursor:
        cursor.execute(f"DELETE FROM {brand.schema_name}.django_migrations WHERE app = 'inbox'")

    assert only(database.migrations()).sentence == f"Migrations wait in {brand.schema_name}."


def test_a_brand_without_a_schema_is_behind(new_brand):
    brand = new_brand()
    with schemas.as_owner() as cursor:
        cursor.execute(f"ALTER SCHEMA {brand.schema_name} RENAME TO elsewhere")
    try:
        sentence = only(database.migrations()).sentence
    finally:
        with schemas.as_owner() as cursor:
            cursor.execute(f"ALTER SCHEMA elsewhere RENAME TO {brand.schema_name}")

    assert sentence == f"Migrations wait in {brand.schema_name}."


def test_a_brand_of_a_newer_release_is_named(new_brand):
    brand = new_brand()
    with schemas.as_owner() as cursor:
        cursor.execute(
            f"INSERT INTO {brand.schema_name}.django_migrations (app, name, applied) VALUES ('inbox', '9999_x', now())"
        )

    assert (
        only(database.migrations()).sentence
        == f"The tables of {brand.schema_name} are of a newer release than this one."
    )


def test_standing_walls_stand(new_brand):
    new_brand()

    assert said(database.standing_walls()).startswith("The walls stand")


@pytest.mark.parametrize(
    ("breach", "hole"),
    [
        (
            "GRANT SELECT ON {schema}.inbox_arrival TO {letterbox}",
            "nightjar_letterbox may select in {schema}.inbox_arrival",
        ),
        ("GRANT SELECT ON {schema}.inbox_message TO {directory}", "{directory} may select in {schema}.inbox_message"),
        ("GRANT SELECT ON {schema}.inbox_reply TO PUBLIC", "everybody may select in {schema}.inbox_reply"),
        ("GRANT DELETE ON {schema}.inbox_event TO {brand}", "{brand} may delete in {schema}.inbox_event"),
        ("REVOKE INSERT ON {schema}.inbox_event FROM {brand}", "{brand} may not insert in {schema}.inbox_event"),
        (
            "GRANT UPDATE (text) ON {schema}.inbox_message TO {login}",
            "nightjar_app may update text in {schema}.inbox_message",
        ),
        ("ALTER ROLE {brand} LOGIN", "{brand} may log in"),
        (
            "GRANT SELECT (password) ON accounts_user TO {agencies}",
            "{agencies} may select password in public.accounts_user",
        ),
        (
            "GRANT SELECT ON accounts_user TO {operators}",
            "{operators} may select in public.accounts_user",
        ),
        (
            "GRANT UPDATE (agency_id) ON tenants_brand TO {agencies}",
            "{agencies} may update agency_id in public.tenants_brand",
        ),
        (
            "CREATE POLICY everybody ON tenants_handle USING (true)",
            "nobody knows the policy everybody of tenants_handle",
        ),
        ("ALTER TABLE accounts_deskrow DISABLE ROW LEVEL SECURITY", "the rows of accounts_deskrow are not kept apart"),
    ],
)
def test_a_hole_in_the_walls_is_named(new_brand, breach, hole):
    brand = new_brand()
    names = {
        "schema": brand.schema_name,
        "brand": f"{schemas.database_name()}_brand_{brand.pk}",
        "agencies": f"{schemas.database_name()}_agencies",
        "directory": f"{schemas.database_name()}_directory",
        "operators": f"{schemas.database_name()}_operators",
        "letterbox": walls.LETTERBOX,
        "login": walls.LOGIN,
    }
    with breached(breach.format(**names)):
        finding = only(database.standing_walls())

    assert finding.is_bad
    assert finding.sentence == f"The walls between brands have holes: {hole.format(**names)}."


def test_what_strayed_is_counted_and_breaks_nothing(house):
    with strays("malformed", "unknown_handle", "unknown_handle"):
        found = list(database.strays())

    assert [finding.sentence for finding in found] == [
        "2 events came for accounts that are no brand's.",
        "1 event could not be read.",
    ]
    assert [(bool(finding.todo), finding.is_bad) for finding in found] == [(True, False)] * 2


# --- the work that waits ----------------------------------------------------------------------------------------------


def test_quiet_brands_are_well(new_brand):
    new_brand()

    assert [finding.sentence for finding in work.brands()] == [
        "No arrival waits.",
        "No reply is late, and the fate of none is unknown.",
    ]


def test_an_arrival_that_waits_too_long_is_noticed(new_brand):
    with committed(new_brand()):
        factories.ArrivalFactory(received_at=timezone.now() - timedelta(minutes=2))

    finding = next(work.brands())

    assert finding.is_bad
    assert finding.sentence.startswith("1 arrival wait, the oldest for 12")


def test_a_reply_of_unknown_fate_waits_for_a_person(new_brand):
    brand = new_brand()
    with committed(brand):
        factories.ReplyFactory(status=ReplyStatus.UNKNOWN, posting_since=NOON, **approved())

    findings = {finding.sentence: finding for finding in work.brands()}

    found = findings[f"Nobody knows whether these replies are on Twitter: 1 of {brand.name}."]
    assert (bool(found.todo), found.is_bad) == (True, False)


def test_a_reply_that_should_be_out_by_now_is_noticed(new_brand):
    brand = new_brand()
    with committed(brand):
        factories.ReplyFactory(status=ReplyStatus.APPROVED, **approved())

    findings = {finding.sentence: finding for finding in work.brands()}

    assert findings[f"These replies should be on Twitter by now: 1 of {brand.name}."].is_bad


def test_a_handle_that_twitter_refuses_is_named(new_brand):
    with committed(new_brand()):
        factories.CredentialFactory(username="FreshCare", refused_at=NOON, refused_why="Unauthorized")

    findings = {finding.sentence: finding for finding in work.brands()}

    assert findings["Twitter does not accept the log-in of @FreshCare."].is_bad


# --- the processes ----------------------------------------------------------------------------------------------------


def test_a_carrier_that_has_never_looked_is_noticed(house, settings):
    settings.CARRIERS = 1
    live._redis.delete(live.channel("mark", "carrier"))

    finding = only(processes.carrier())

    assert finding.is_bad
    assert "never" in finding.sentence


def test_a_carrier_that_looked_just_now_is_well(house, settings):
    settings.CARRIERS = 1
    live.mark("carrier")

    assert said(processes.carrier()) == "The carrier looked for arrivals 0 seconds ago."


def test_of_several_carriers_the_one_that_never_looked_is_named(house, settings):
    settings.CARRIERS = 2
    live.mark("carrier 1/2")
    live._redis.delete(live.channel("mark", "carrier 2/2"))

    first, second = processes.carrier()

    assert (first.is_bad, first.sentence) == (False, "The carrier 1/2 looked for arrivals 0 seconds ago.")
    assert (second.is_bad, second.sentence.startswith("The carrier 2/2 last looked")) == (True, True)


def test_a_worker_that_does_nothing_is_noticed(house, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.5)

    assert only(processes.worker()).sentence == "No worker did a task within 0.5 seconds: replies are not posted."


def test_a_posting_lane_that_does_nothing_is_noticed(house, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.5)

    finding = only(processes.posting())

    assert finding.sentence == "The posting lane did no task within 0.5 seconds: replies are not posted."


def test_a_closed_front_door_is_noticed(house):
    finding = only(processes.front_door())

    assert finding.is_bad
    assert f"Through port {current.PORT} these do not answer: pages" in finding.sentence


def test_a_twitter_that_is_away_is_noticed(new_brand):
    new_brand()

    assert only(work.webhook()).sentence.startswith("Twitter cannot be asked about the webhook")


def test_without_a_database_the_doctor_says_so_and_stops(house, settings, capsys):
    settings.OWNER_DATABASE_URL = f"postgres://nightjar_owner:x@127.0.0.1:{free_port()}/nightjar"

    with pytest.raises(SystemExit) as left:
        call_command("doctor")

    lines = capsys.readouterr().out.splitlines()
    assert left.value.code == 1
    assert lines[0].startswith("no   PostgreSQL does not let the owner in")
    assert lines[-1] == "Nightjar is not well: 1 thing to mend."
    assert not any("walls" in line for line in lines)


def test_a_check_that_cannot_be_made_is_not_green():
    def broken() -> Iterator[Finding]:
        raise psycopg.OperationalError("the line is cut\nmore of it")
        yield

    finding = only(made("The sky", broken))

    assert (finding.is_bad, finding.sentence) == (True, "The sky could not be looked at: the line is cut.")


def approved() -> dict[str, object]:
    return {"approved_at": NOON, "approved_by_id": factories.somebody_id()}


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def said(findings: Iterator[Finding]) -> str:
    finding = only(findings)
    assert not finding.todo
    return finding.sentence


@contextmanager
def breached(statement: str) -> Iterator[None]:
    """A hole in the walls, mended afterwards by building them anew."""
    with schemas.as_owner() as cursor:
        cursor.execute(sql.SQL(statement))
    yield
    with schemas.as_owner() as cursor:
        for table in ("inbox_arrival", "inbox_message", "inbox_reply", "inbox_event"):
            schema = statement.partition(f".{table}")[0].rpartition(" ")[2] if table in statement else ""
            if schema:
                cursor.execute(
                    f"REVOKE ALL ON {schema}.{table} FROM PUBLIC, {schemas.database_name()}_directory, {walls.LOGIN}"
                )
        if "LOGIN" in statement:
            cursor.execute(statement.replace("LOGIN", "NOLOGIN"))
        cursor.execute("DROP POLICY IF EXISTS everybody ON tenants_handle")
        walls.build_shared(cursor, database=schemas.database_name())
        cursor.execute("ALTER TABLE accounts_deskrow ENABLE ROW LEVEL SECURITY")


@contextmanager
def strays(*reasons: str) -> Iterator[None]:
    with schemas.as_owner() as cursor:
        cursor.execute("DELETE FROM tenants_stray")  # of other tests: strays belong to no brand that could be dropped
    for reason in reasons:
        factories.StrayFactory(reason=reason)
    yield
    with schemas.as_owner() as cursor:
        cursor.execute("DELETE FROM tenants_stray")
