"""
All lines of a log group, page by page, into a file of JSON lines that is compressed as it grows.

The same lines make the same bytes: what is put there twice is seen to be one thing.
"""

import gzip
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from bot.runbook.errors import Refused

#: Of one group, compressed: it is sent in one piece, within the time that one change has.
MOST_BYTES = 64 * 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024
FIELDS = ("timestamp", "logStreamName", "message", "ingestionTime", "eventId")


@dataclass
class Export:
    """What has been read so far. `file` is removed when it is closed."""

    file: "tempfile.SpooledTemporaryFile[bytes]" = field(
        default_factory=lambda: tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    )
    lines: int = 0

    def __post_init__(self) -> None:
        self._zip = gzip.GzipFile(filename="", mode="wb", fileobj=self.file, mtime=0)

    def add(self, events: list[dict[str, Any]]) -> None:
        """Raises Refused when it has become too large to be kept in one piece."""
        for event in events:
            line = {name: event[name] for name in FIELDS if name in event}
            self._zip.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.lines += len(events)
        if self.file.tell() > MOST_BYTES:
            raise Refused(
                f"More than {MOST_BYTES // 2**20} MB of it: nothing was kept. Give a shorter time,"
                " several runs if need be."
            )

    def sha256(self) -> bytes:
        """Of the whole, once all is added; the file then stands at its beginning."""
        self._zip.close()
        self.file.seek(0)
        digest = hashlib.file_digest(self.file, "sha256").digest()
        self.file.seek(0)
        return digest


async def pages_of(
    calls: AwsCalls, group: str, begins: datetime, ends: datetime
) -> AsyncIterator[list[dict[str, Any]]]:
    """In the order of AWS. Raises Refused when there is no such group, Unreachable."""
    asked: dict[str, Any] = {"logGroupName": group, "endTime": _milliseconds(ends)}
    asked["startTime"] = _milliseconds(begins)
    while True:
        try:
            page = await calls.read("logs", "filter_log_events", **asked)
        except NotThere:
            raise Refused(f"There is no log group {group}. Nothing of it was kept.") from None
        yield page.get("events", [])
        if not page.get("nextToken"):
            return
        asked["nextToken"] = page["nextToken"]


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
