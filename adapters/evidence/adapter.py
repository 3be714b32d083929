"""
Puts evidence into its bucket, and says what is there.

An object's name says of which run and of what it is, so by it is seen whether it was put there;
S3's own checksum, against the one that was sent with it, says whether it is what was sent.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from adapters.aws_calls import AwsCalls, answered_at
from adapters.evidence.bucket import Bucket
from adapters.evidence.changes import CopySessionRows, ExportLogs, folder_of
from adapters.evidence.facts import KeptEvidence, LogGroups
from adapters.evidence.logs import Export, pages_of
from bot.runbook import Adapter, Key, Progress, Run, Seen, pair
from bot.settings import EvidenceSettings

READS: tuple[str, ...] = (
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
)
#: What the bot's role must be allowed at the evidence bucket, and at no other.
KEEPS: tuple[str, ...] = (
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:PutObjectRetention",
)
AT_BUCKET = ("S3: what docs/install.md allows at the evidence bucket",)


class Sessions(Protocol):
    async def of(self, users: Sequence[int]) -> Sequence[Any]:
        """The rows of their sessions, with all columns. Raises Unreachable, Refused."""


class Evidence(Adapter):
    def __init__(self, calls: AwsCalls, settings: EvidenceSettings, sessions: Sessions) -> None:
        self._calls, self._sessions = calls, sessions
        self._bucket = Bucket(calls, settings)

    async def check(self) -> None:
        """Whether its bucket is there and locks. Raises Refused, Unreachable."""
        await self._bucket.check()

    async def kept(self, run: Run) -> KeptEvidence:
        """All that this run has kept. Raises Unreachable, Refused."""
        folder = folder_of(run.id, run.started_at)
        objects = await self._bucket.all_in(folder)
        return KeptEvidence(bucket=self._bucket.name, folder=folder, objects=objects)

    async def log_groups(self, services: Sequence[str]) -> LogGroups:
        """`/ecs/<service>` of each. Raises Unreachable, Refused."""
        found, missing, as_of = list[str](), list[str](), datetime.now(UTC)
        for service in services:
            group = f"/ecs/{service}"
            answer = await self._calls.read(
                "logs", "describe_log_groups", logGroupNamePrefix=group
            )
            as_of = answered_at(answer)
            names = [one["logGroupName"] for one in answer.get("logGroups", [])]
            (found if group in names else missing).append(group)
        return LogGroups(groups=tuple(found), missing=tuple(missing), as_of=as_of)

    async def _see(self, change: ExportLogs | CopySessionRows) -> Seen:
        kept = await self._bucket.kept(change.name)
        where = f"s3://{self._bucket.name}/{change.name}"
        if kept is None:
            return Seen("before", f"there is no {where} yet")
        if not kept.is_sound:
            return Seen("drifted", f"{where} is there, and not as it was sent or not locked")
        lines = "" if kept.lines is None else f"{kept.lines:,} lines, "
        return Seen("applied", f"{where}: {lines}{kept.size:,} bytes, SHA-256 {kept.sha256}")

    async def _see_logs(self, change: ExportLogs) -> Seen:
        return await self._see(change)

    async def _see_sessions(self, change: CopySessionRows) -> Seen:
        return await self._see(change)

    async def _export(self, change: ExportLogs, key: Key) -> AsyncIterator[Progress]:
        await self._bucket.check()
        export = Export()
        with export.file:
            pages = pages_of(self._calls, change.group, change.begins, change.ends)
            async for events in pages:
                await asyncio.to_thread(export.add, events)
                yield _progress(change, events, export.lines)
            digest = await asyncio.to_thread(export.sha256)
            body: Any = export.file
            await self._bucket.put(change.name, body, digest, export.lines, change.since)

    async def _copy(self, change: CopySessionRows, key: Key) -> None:
        await self._bucket.check()
        rows = await self._sessions.of(change.users)
        told = {
            "run": change.run,
            "read_at": datetime.now(UTC).isoformat(),
            "users": change.users,
            "sessions": rows,
        }
        body = json.dumps(told, indent=1, ensure_ascii=False).encode()
        digest = hashlib.sha256(body).digest()
        await self._bucket.put(change.name, body, digest, len(rows), change.since)

    alters = (
        pair(ExportLogs, observe=_see_logs, apply=_export, permissions=AT_BUCKET),
        pair(CopySessionRows, observe=_see_sessions, apply=_copy, permissions=AT_BUCKET),
    )


def _progress(change: ExportLogs, events: Sequence[Any], lines: int) -> Progress:
    """By the time that was read, for nobody knows how many lines there are."""
    whole = change.ends - change.begins
    done = timedelta()
    if events:
        done = datetime.fromtimestamp(events[-1]["timestamp"] / 1000, UTC) - change.begins
    minute = timedelta(minutes=1)
    note = f"of {change.group}, {lines:,} lines"
    return Progress(max(0, done // minute), max(1, whole // minute), "minutes", note)
