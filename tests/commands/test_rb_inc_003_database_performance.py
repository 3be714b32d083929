"""RB-INC-003 without Slack, AWS or a database: remedies are chosen from what was found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.cloudwatch import CloudWatch, DatabaseLoad
from adapters.postgres import (
    Activity,
    Bloat,
    Holder,
    Indexes,
    Locks,
    Postgres,
    Remedy,
    Root,
    Scanned,
    Session,
    TableBloat,
)
from adapters.rds import Database, Instance, LargerClasses, Rds
from bot.engine.rehearsal import RUN, Rehearsal, canned, rehearse
from bot.runbook import Adapter, Company, Nothing, Question
from bot.runbook.durations import hours, minutes, seconds
from bot.runbook.errors import Refused, Unreachable
from commands.rb_inc_003_database_performance import (
    Inputs,
    InstanceClass,
    Limits,
    bloat,
    book,
    current_queries,
    end_session,
    load,
    locks,
    session_to_end,
    vacuum,
)

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ROOT = Session(
    pid=4242,
    backend_start=AT,
    state="idle in transaction",
    since=minutes(9),
    transaction_start=AT,
    query="UPDATE org_ads SET status = '…'",
    user="complyai",
    application="complyai-api",
    database="complyai",
)
REPORT = ROOT.model_copy(update={"pid": 7, "state": "active", "query_start": AT})
HELD = Locks(
    roots=(Root(session=ROOT, directly=4, in_all=40),),
    roots_in_all=1,
    waiting=40,
    longest_wait=minutes(8),
)
BUSY = Activity(idle_in_transaction=(ROOT,), slow=(REPORT,), slow_in_all=1, idle_in_all=1)
ADS = TableBloat(
    schema_name="public",
    table="org_ads",
    oid=16432,
    dead=108_000,
    live=54_000,
    size_mb=18.0,
    database="complyai",
    as_of=AT,
)
EXPORT = Holder(kind="session", name="complyai, nightly-export", pid=99, age=3, since=hours(2))
MISSING = Remedy(
    schema_name="public",
    table="activity_events",
    oid=16500,
    index="activity_events_action_idx",
    columns=("action",),
    why="slow queries name it",
    database="complyai",
)
SCANNED = Indexes(
    looked_for=seconds(3),
    scanned=(
        Scanned(
            schema_name="public",
            table="activity_events",
            rows=120_000,
            size_mb=10.3,
            scans=4,
            slow_queries=1,
        ),
    ),
    remedies=(MISSING,),
)
LEFT_OVER = Remedy(
    schema_name="public",
    table="org_ads",
    oid=16432,
    index="org_ads_lower_idx",
    is_left_over=True,
    definition="CREATE INDEX org_ads_lower_idx ON public.org_ads USING btree (lower(name))",
    why="which is invalid and has 0.4 MB",
    database="complyai",
)
CLUSTER = Database(
    name="complyai-prod",
    resource_id="cluster-1",
    kind="aurora",
    engine="aurora-postgresql 16.4",
    status="available",
    instance_class="db.r6g.xlarge",
    writer="complyai-prod-1",
    zone="us-east-1a",
    instances=(
        Instance(
            name="complyai-prod-1",
            role="writer",
            status="available",
            instance_class="db.r6g.xlarge",
            pending_changes=("BackupRetentionPeriod: 1",),
        ),
        Instance(
            name="complyai-prod-2",
            role="reader",
            status="available",
            instance_class="db.r6g.xlarge",
        ),
    ),
    as_of=AT,
)
LARGER = LargerClasses(database="complyai-prod", now="db.r6g.xlarge", larger=("db.r6g.2xlarge",))
WELL: dict[str, Any] = {
    "activity": Activity(),
    "locks": Locks(),
    "bloat": Bloat(),
    "indexes": Indexes(looked_for=seconds(3)),
}


def at(cpu_percent: float) -> DatabaseLoad:
    return DatabaseLoad(
        instance="complyai-prod-1",
        cpu_percent=cpu_percent,
        connections=61,
        io_per_s=420,
        as_of=AT,
    )


def outside(cpu: Any = None, classes: Any = LARGER, **postgres: Any) -> list[Adapter]:
    """The database is well but for what is said of it."""
    return [
        canned(Postgres, **WELL | postgres),
        canned(Rds, database=CLUSTER, larger_classes=classes),
        canned(CloudWatch, database_load=cpu or at(40)),
    ]


async def rehearsed(systems: list[Adapter], *picks: str, **answers: Any) -> Rehearsal:
    return await rehearse(book, Inputs(), systems, answers=answers, picks=picks)


# Diagnosis.


async def test_a_database_that_is_well_suggests_nothing() -> None:
    seen = await rehearsed(outside())
    checks = ("current_queries", "locks", "bloat", "load", "indexes")
    assert {seen.statuses[key] for key in checks} == {"ok"}
    assert seen.suggested == [] and seen.is_over


async def test_only_what_a_check_found_wrong_is_suggested() -> None:
    assert (await rehearsed(outside(locks=HELD))).suggested == ["end_session"]
    assert (await rehearsed(outside(bloat=Bloat(tables=(ADS,))))).suggested == ["vacuum"]
    assert (await rehearsed(outside(indexes=SCANNED))).suggested == ["add_index"]
    assert (await rehearsed(outside(cpu=at(97)))).suggested == ["scale_up"]


async def test_a_database_that_does_not_answer_is_the_finding_and_leads_to_the_outage() -> None:
    silent = Activity(error="The database refused the connection", cause="refused")
    down = Unreachable("The database refused the connection")
    seen = await rehearsed(outside(activity=silent, locks=down, bloat=down, indexes=down))
    assert seen.statuses["current_queries"] == "problem"
    assert {seen.statuses[key] for key in ("locks", "bloat", "indexes")} == {"unknown"}
    assert seen.statuses["load"] == "ok"
    assert [hop.book for hop in seen.offered] == ["RB-INC-001"]


async def test_a_database_that_is_full_is_not_sent_back_to_where_one_came_from() -> None:
    full = Activity(error="no connection is left", cause="too many connections")
    found = await current_queries(RUN, canned(Postgres, activity=full), Limits())
    assert (found.verdict, found.details.get("next_hops")) == ("problem", ())


async def test_what_our_role_may_not_see_is_unknown_and_never_ok() -> None:
    seen = await rehearsed(outside(activity=Refused("What 3 sessions are at is hidden")))
    assert seen.statuses["current_queries"] == "unknown"


async def test_long_queries_are_a_warning_and_not_a_problem_of_their_own() -> None:
    found = await current_queries(RUN, canned(Postgres, activity=BUSY), Limits())
    assert found.verdict == "warning"
    assert found.summary == "1 query runs for long, 1 session idles in a transaction"
    assert len(found.details["table"].rows) == 2


@pytest.mark.parametrize(
    ("waiting", "longest", "verdict"),
    [(3, seconds(0.2), "ok"), (3, seconds(5), "problem"), (40, seconds(0.2), "problem")],
)
async def test_few_who_wait_for_a_moment_are_everyday(
    waiting: int, longest: timedelta, verdict: str
) -> None:
    held = HELD.model_copy(update={"waiting": waiting, "longest_wait": longest})
    found = await locks(RUN, canned(Postgres, locks=held), Limits())
    assert found.verdict == verdict and str(waiting) in found.summary


async def test_who_keeps_dead_rows_is_named_also_before_there_are_many() -> None:
    kept = Bloat(holders=(EXPORT,))
    found = await bloat(RUN, canned(Postgres, bloat=kept), Limits())
    assert found.verdict == "warning"
    assert found.summary == (
        "Dead rows are kept for the sake of the session pid 99 (complyai, nightly-export) for"
        " 2 h 00 min"
    )
    young = Bloat(holders=(EXPORT.model_copy(update={"since": seconds(3)}),))
    assert (await bloat(RUN, canned(Postgres, bloat=young), Limits())).verdict == "ok"


async def test_a_cluster_in_which_nobody_writes_has_no_load_to_speak_of() -> None:
    nobody = CLUSTER.model_copy(update={"writer": "", "status": "failing-over"})
    rds, watch = canned(Rds, database=nobody), canned(CloudWatch, database_load=at(1))
    assert (await load(Company(), rds, watch, Limits())).verdict == "unknown"


# Remedies.


async def test_the_session_at_the_root_is_ended_and_the_locks_are_looked_at_again() -> None:
    systems = outside(locks=[HELD, Locks()], activity=[BUSY, Activity()])
    seen = await rehearsed(systems, "end_session", session_to_end=ROOT)
    assert seen.order[5:] == ["session_to_end", "end_session", "locks", "current_queries", "load"]
    assert seen.commands["end_session"] == [
        "SELECT pg_terminate_backend(4242); -- of 2026-11-24 03:00:00 UTC"
    ]
    assert seen.people == {"end_session": 2}
    assert seen.says["end_session"].endswith("complyai, complyai-api, holds up 40")
    assert (seen.statuses["locks"], seen.statuses["current_queries"]) == ("ok", "ok")


def test_who_holds_up_others_is_offered_first_and_once() -> None:
    question = session_to_end(HELD, BUSY)
    assert isinstance(question, Question)
    assert [choice.value.pid for choice in question.choices] == [4242, 7]
    assert question.choices[0].label.endswith("complyai, complyai-api, holds up 40")


def test_who_must_not_be_ended_is_never_offered() -> None:
    migration = ROOT.model_copy(update={"protected": "a migration"})
    held = Locks(roots=(Root(session=migration, directly=1, in_all=1),), waiting=1)
    queries = Activity(slow=(REPORT.model_copy(update={"protected": "walsender"}),))
    assert isinstance(session_to_end(held, queries), Nothing)


def test_one_that_waits_is_never_offered_for_it_holds_up_nobody_by_itself() -> None:
    waits = Activity(waiting=(REPORT.model_copy(update={"waits": True}),), waiting_in_all=1)
    assert isinstance(session_to_end(Locks(), waits), Nothing)


def test_a_session_is_ended_as_it_was_seen_last_and_not_as_it_was_chosen() -> None:
    now = ROOT.model_copy(update={"state": "active", "query_start": AT})
    planned = end_session(RUN, ROOT, None, Activity(slow=(now,)))
    assert not isinstance(planned, Nothing) and planned.changes[0].how == "cancel"
    assert isinstance(end_session(RUN, ROOT, Locks(), Activity()), Nothing)
    other = ROOT.model_copy(update={"backend_start": AT + hours(1)})
    assert isinstance(end_session(RUN, ROOT, None, Activity(slow=(other,))), Nothing)


async def test_a_table_is_vacuumed_and_looked_at_again() -> None:
    systems = outside(bloat=[Bloat(tables=(ADS,)), Bloat()])
    seen = await rehearsed(systems, "vacuum", table_to_vacuum=ADS)
    assert seen.order[5:] == ["table_to_vacuum", "vacuum", "bloat", "load"]
    assert seen.commands["vacuum"] == ["VACUUM (ANALYZE) public.org_ads;"]
    assert (seen.people, seen.statuses["bloat"]) == ({"vacuum": 1}, "ok")


def test_whoever_approves_a_vacuum_that_cannot_help_is_told_so() -> None:
    planned = vacuum(RUN, ADS, Bloat(tables=(ADS,), holders=(EXPORT,)), Limits())
    assert not isinstance(planned, Nothing)
    assert planned.beware.endswith(
        "(complyai, nightly-export) for 2 h 00 min, and stay: end that first"
    )
    assert isinstance(vacuum(RUN, ADS, Bloat(), Limits()), Nothing)


async def test_a_second_vacuum_of_a_table_in_one_run_is_planned_from_what_is_there_now() -> None:
    again = ADS.model_copy(update={"as_of": AT + minutes(5)})
    found = [Bloat(tables=(ADS,), holders=(EXPORT,)), Bloat(tables=(again,)), Bloat()]
    planned = [vacuum(RUN, ADS, one, Limits()) for one in found[:2]]
    assert [one.changes[0].since for one in planned if not isinstance(one, Nothing)] == [
        AT,
        AT + minutes(5),
    ]


async def test_a_missing_index_is_made_and_can_be_taken_back() -> None:
    seen = await rehearsed(
        outside(indexes=SCANNED), "add_index", "add_index.undo", index_to_make=MISSING
    )
    assert seen.commands["add_index"] == [
        "CREATE INDEX CONCURRENTLY activity_events_action_idx ON public.activity_events"
        " USING btree (action);"
    ]
    assert seen.commands["add_index.undo"] == [
        "DROP INDEX CONCURRENTLY public.activity_events_action_idx;"
    ]
    assert seen.people == {"add_index": 1, "add_index.undo": 2}


async def test_an_invalid_index_that_is_not_plain_is_dropped_by_one_who_agrees() -> None:
    found = Indexes(
        looked_for=seconds(3), invalid=("public.org_ads_lower_idx",), remedies=(LEFT_OVER,)
    )
    seen = await rehearsed(outside(indexes=found), "add_index", index_to_make=LEFT_OVER)
    assert seen.commands["add_index"] == ["DROP INDEX CONCURRENTLY public.org_ads_lower_idx;"]
    assert seen.people == {"add_index": 1}
    assert LEFT_OVER.label() == "drop public.org_ads_lower_idx, which is invalid and has 0.4 MB"


async def test_scaling_up_takes_readers_first_and_says_what_is_applied_as_well() -> None:
    seen = await rehearsed(
        outside(cpu=at(97)), "scale_up", larger_class=InstanceClass(name="db.r6g.2xlarge")
    )
    command = "aws rds modify-db-instance --db-instance-identifier complyai-prod-{}"
    rest = " --db-instance-class db.r6g.2xlarge --apply-immediately"
    assert seen.commands["scale_up"] == [
        command.format(2) + rest,
        command.format(1) + rest + " # also applies 'BackupRetentionPeriod: 1'",
    ]
    assert seen.people == {"scale_up": 2}
    assert seen.order[-1] == "load"


async def test_without_a_larger_class_nobody_is_asked_for_one() -> None:
    largest = LargerClasses(database="complyai-prod", now="db.r6g.16xlarge")
    seen = await rehearsed(outside(cpu=at(97), classes=largest), "scale_up")
    says = "RDS offers nothing larger than db.r6g.16xlarge in its family"
    assert seen.says["larger_class"] == says
    assert "scale_up" not in seen.commands
