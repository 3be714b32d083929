"""RB-DB-002 without Slack, AWS or a database: what is said before, and how it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.cloudwatch import CloudWatch, DatabaseLoad, Point, Traffic
from adapters.postgres import Estimate, Left, Postgres
from adapters.rds import Database, Instance, Rds
from backfills import BACKFILLS
from bot.engine.rehearsal import RUN, Rehearsal, canned, rehearse
from bot.runbook import Nothing
from bot.runbook.errors import Refused, Unreachable
from commands.rb_db_002_data_backfill import Inputs, book, fill

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NAME = "org-ads-search-name"
INPUTS = Inputs(backfill=NAME, batch_size=1000, pause_ms=100)
BY_INDEX = ("Update on org_ads", "-> Index Scan using org_ads_pkey on org_ads")
FOUND = Estimate(
    backfill=BACKFILLS[NAME],
    database="complyai",
    oid=16432,
    rows_in_all=54_000,
    rows=54_000,
    without_value=0,
    upper=54_000,
    filled=0,
    has_index=True,
    batch_plan=BY_INDEX,
    rate=None,
    as_of=AT,
)
DONE = Left(rows=0, without_value=0, wrong=0, filled=54_000, as_of=AT)
HOURS = tuple(Point(at=AT - timedelta(hours=n), value=100.0 / (1 + n % 12)) for n in range(24))
QUIET = Traffic(services=("complyai-core",), now=20.0, hours=HOURS, as_of=AT)
WRITER = "complyai-prod-1"
CALM = DatabaseLoad(instance=WRITER, cpu_percent=20, connections=60, io_per_s=90, as_of=AT)
CLUSTER = Database(
    name="complyai-prod",
    resource_id="cluster-1",
    kind="aurora",
    engine="aurora-postgresql 16.4",
    status="available",
    instance_class="db.r6g.xlarge",
    writer=WRITER,
    zone="us-east-1a",
    instances=(
        Instance(name=WRITER, role="writer", status="available", instance_class="db.r6g.xlarge"),
    ),
    as_of=AT,
)


async def rehearsed(
    found: Any = FOUND, left: Any = DONE, traffic: Any = QUIET, load: Any = CALM, **more: Any
) -> Rehearsal:
    systems = [
        canned(Postgres, estimate=[found], left=[left]),
        canned(CloudWatch, traffic=[traffic], database_load=[load]),
        canned(Rds, database=[CLUSTER]),
    ]
    return await rehearse(book, INPUTS, systems, **more)


async def test_on_a_quiet_night_two_agree_and_every_row_is_filled() -> None:
    seen = await rehearsed()
    assert seen.statuses["fill"] == "given" and seen.statuses["none_left"] == "ok"
    assert seen.people == {"fill": 2}
    assert seen.commands["fill"] == [
        "UPDATE public.org_ads SET search_name = nullif(lower(btrim(name)), '')"
        " WHERE id > $1 AND id <= $2 AND (search_name IS NULL)"
        " AND (nullif(lower(btrim(name)), '')) IS NOT NULL;"
        " -- in batches of 1,000 rows, 0.1 s apart; then ANALYZE public.org_ads;"
    ]
    assert seen.says["estimate"].startswith(
        "54,000 of 54,000 rows of org_ads are to be filled, in about 11 s (a guess)"
    )
    assert seen.says["none_left"] == "54,000 rows were filled, and none is left to be"


async def test_rows_without_a_value_are_named_before_and_after() -> None:
    nulls = {"without_value": 312}
    seen = await rehearsed(FOUND.model_copy(update=nulls), DONE.model_copy(update=nulls))
    says = "312 rows are left as they are, because the expression gives NULL"
    assert (seen.statuses["estimate"], seen.statuses["none_left"]) == ("warning", "ok")
    assert says in seen.says["estimate"] and says in seen.says["none_left"]


@pytest.mark.parametrize(
    ("trouble", "step", "words"),
    [
        (
            {"found": FOUND.model_copy(update={"has_index": False})},
            "estimate",
            "no index by which",
        ),
        (
            {"found": FOUND.model_copy(update={"batch_plan": ("Seq Scan on org_ads",)})},
            "estimate",
            "each batch would read the whole table",
        ),
        ({"traffic": QUIET.model_copy(update={"now": 90.0})}, "low_traffic", "no quiet time"),
        ({"load": CALM.model_copy(update={"cpu_percent": 91})}, "load", "The database is busy"),
    ],
    ids=["no index", "whole table", "by day", "busy"],
)
async def test_what_speaks_against_it_holds_the_run(
    trouble: dict[str, Any], step: str, words: str
) -> None:
    seen = await rehearsed(**trouble)
    assert seen.statuses[step] == "problem" and words in seen.says[step]
    assert "fill" not in seen.commands


@pytest.mark.parametrize(
    ("trouble", "step"),
    [
        ({"found": Unreachable("The database did not answer within 5 s")}, "estimate"),
        ({"found": Refused("The backfill does not fit this database")}, "estimate"),
        ({"traffic": QUIET.model_copy(update={"now": None})}, "low_traffic"),
        ({"traffic": Unreachable("AWS does not answer")}, "low_traffic"),
        ({"load": Unreachable("AWS does not answer")}, "load"),
    ],
)
async def test_what_cannot_be_looked_at_is_unknown_and_holds_the_run(
    trouble: dict[str, Any], step: str
) -> None:
    seen = await rehearsed(**trouble)
    assert seen.statuses[step] == "unknown"
    assert "fill" not in seen.commands


async def test_rows_that_came_in_behind_it_are_a_warning_and_wrong_values_a_problem() -> None:
    behind = await rehearsed(left=DONE.model_copy(update={"rows": 20}))
    assert behind.statuses["none_left"] == "warning"
    assert "20 rows came in behind it" in behind.says["none_left"]
    wrong = await rehearsed(left=DONE.model_copy(update={"wrong": 3}))
    assert wrong.statuses["none_left"] == "problem"
    assert "3 values are not what the catalogue says is right" in wrong.says["none_left"]


async def test_where_no_row_is_to_be_filled_nobody_is_asked() -> None:
    nothing = FOUND.model_copy(update={"rows": 0})
    seen = await rehearsed(nothing)
    assert (seen.statuses["tested_on_staging"], seen.statuses["fill"]) == ("nothing", "nothing")
    assert fill(RUN, INPUTS, nothing) == Nothing("No row is to be filled")


def test_a_rate_that_was_measured_is_believed() -> None:
    slow = FOUND.model_copy(update={"rate": 1000.0})
    assert slow.takes(1000, 0.1) == timedelta(seconds=59)
    assert FOUND.takes(1000, 0) == timedelta(seconds=5)
