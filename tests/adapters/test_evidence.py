"""Evidence, against S3 with object lock in a box: kept once, by its hash, and read back."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from adapters.aws_calls import AwsCalls
from adapters.evidence import CopySessionRows, Evidence, ExportLogs
from adapters.evidence import logs as logs_of
from bot.runbook import Run
from bot.runbook.errors import Refused, Unreachable
from bot.settings import EvidenceSettings
from sandbox.aws.account import BUCKET
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

CORE = "complyai-core"
ROWS = [{"id": "s1", "user_id": 7, "token": "secret-of-a-session", "revoked_at": None}]


class Rows:
    """Sessions, or why there are none."""

    def __init__(self, rows: Sequence[Any] | Unreachable) -> None:
        self.rows = rows

    async def of(self, users: Sequence[int]) -> Sequence[Any]:
        if isinstance(self.rows, Unreachable):
            raise self.rows
        return self.rows


@pytest.fixture
def run() -> Run:
    """S3 compares what is locked with the machine's own clock."""
    return Run(id="7F3K", started_at=datetime.now(UTC).replace(microsecond=0), started_by="U1")


@pytest.fixture
async def evidence(world: AwsWorld, calls: AwsCalls) -> AsyncIterator[Evidence]:
    world.load_account()
    yield Evidence(calls, EvidenceSettings(bucket=BUCKET, retain_days=30), Rows(ROWS))


@pytest.fixture
def s3(world: AwsWorld) -> Any:
    return boto3.client("s3", region_name="us-east-1", endpoint_url=world.endpoint_url)


def export(run: Run, calls: AwsCalls, minutes: int = 70) -> ExportLogs:
    ends = calls.now()
    begins = ends - timedelta(minutes=minutes)
    group = f"/ecs/{CORE}"
    return ExportLogs(run=run.id, since=run.started_at, group=group, begins=begins, ends=ends)


def copy(run: Run) -> CopySessionRows:
    return CopySessionRows(run=run.id, since=run.started_at, users=(7,))


async def exported(evidence: Evidence, change: ExportLogs) -> list[int]:
    """The lines that were told as read, on the way."""
    told = [one async for one in evidence._export(change, "key")]
    assert all(0 <= one.done <= one.total for one in told)
    return [int(one.note.split(", ")[1].split()[0].replace(",", "")) for one in told]


async def body(s3: Any, name: str) -> bytes:
    found = await asyncio.to_thread(lambda: s3.get_object(Bucket=BUCKET, Key=name))
    content: bytes = found["Body"].read()
    return content


async def test_all_lines_of_a_time_are_kept_over_all_pages_with_their_hash(
    evidence: Evidence, run: Run, calls: AwsCalls, s3: Any
) -> None:
    change = export(run, calls)
    assert (await evidence._see_logs(change)).state == "before"
    told = await exported(evidence, change)
    seen = await evidence._see_logs(change)
    content = await body(s3, change.name)
    lines = [json.loads(one) for one in gzip.decompress(content).decode().splitlines()]
    assert len(told) == 2 and told[-1] == len(lines) > told[0] > 0
    assert [one["timestamp"] for one in lines] == sorted(one["timestamp"] for one in lines)
    digest = hashlib.sha256(content).hexdigest()
    assert seen.state == "applied" and digest in seen.now and f"{len(lines):,} lines" in seen.now
    (kept,) = (await evidence.kept(run)).objects
    assert (kept.lines, kept.size, kept.sha256) == (len(lines), len(content), digest)
    assert kept.locked_until == run.started_at + timedelta(days=30)


async def test_the_same_lines_make_the_same_bytes(calls: AwsCalls, run: Run) -> None:
    change = export(run, calls, minutes=5)
    digests = set()
    for _ in range(2):
        made = logs_of.Export()
        async for events in logs_of.pages_of(calls, change.group, change.begins, change.ends):
            made.add(events)
        digests.add(made.sha256())
        made.file.close()
    assert len(digests) == 1


async def test_what_is_there_is_not_overwritten(
    evidence: Evidence, run: Run, calls: AwsCalls, s3: Any
) -> None:
    change = copy(run)
    await evidence._copy(change, "key")
    before = await body(s3, change.name)
    with pytest.raises(Refused):
        await evidence._copy(change, "key")
    assert await body(s3, change.name) == before
    assert (await evidence._see_sessions(change)).state == "applied"


async def test_sessions_are_kept_as_they_stand_and_nobody_is_shown_what_is_in_them(
    evidence: Evidence, run: Run, s3: Any
) -> None:
    change = copy(run)
    await evidence._copy(change, "key")
    assert json.loads(await body(s3, change.name))["sessions"] == ROWS
    seen, kept = await evidence._see_sessions(change), await evidence.kept(run)
    assert "secret-of-a-session" not in f"{seen} {kept} {kept.table()}"


async def test_a_lost_answer_is_looked_for(evidence: Evidence, run: Run, world: AwsWorld) -> None:
    world.faults.lose_response("s3", "PUT *")
    with pytest.raises(Unreachable):
        await evidence._copy(copy(run), "key")
    assert (await evidence._see_sessions(copy(run))).state == "applied"


async def test_an_object_that_is_not_locked_or_not_as_sent_is_no_evidence(
    evidence: Evidence, run: Run, s3: Any
) -> None:
    change = copy(run)
    await asyncio.to_thread(lambda: s3.put_object(Bucket=BUCKET, Key=change.name, Body=b"{}"))
    assert (await evidence._see_sessions(change)).state == "drifted"
    assert (await evidence.kept(run)).unsound == (change.name.split("/", 2)[-1],)


async def test_without_a_bucket_nothing_is_kept_and_that_is_said(
    calls: AwsCalls, run: Run, world: AwsWorld
) -> None:
    nowhere = Evidence(calls, EvidenceSettings(), Rows(ROWS))
    with pytest.raises(Refused, match=r"evidence\.bucket is not set"):
        await nowhere.kept(run)
    world.load_account()
    unlocked = Evidence(calls, EvidenceSettings(bucket="plain"), Rows(ROWS))
    with pytest.raises(Refused):
        await unlocked._copy(copy(run), "key")


async def test_sessions_that_cannot_be_read_are_not_kept_as_none(
    calls: AwsCalls, run: Run, world: AwsWorld
) -> None:
    world.load_account()
    silent = Rows(Unreachable("The database did not answer"))
    blind = Evidence(calls, EvidenceSettings(bucket=BUCKET), silent)
    with pytest.raises(Unreachable):
        await blind._copy(copy(run), "key")
    assert (await blind._see_sessions(copy(run))).state == "before"


async def test_a_log_that_is_too_large_for_one_piece_is_not_cut_but_refused(
    evidence: Evidence, run: Run, calls: AwsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_of, "MOST_BYTES", 1000)
    change = export(run, calls)
    with pytest.raises(Refused, match="nothing was kept"):
        await exported(evidence, change)
    assert (await evidence._see_logs(change)).state == "before"


async def test_groups_that_do_not_exist_are_named(evidence: Evidence, calls: AwsCalls) -> None:
    found = await evidence.log_groups([CORE, "no-such"])
    assert (found.groups, found.missing) == (("/ecs/complyai-core",), ("/ecs/no-such",))
