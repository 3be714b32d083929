"""
The evidence bucket: S3 with object lock. A name is taken once; what is there can be deleted or
replaced by nobody, the account's owner included, until its day has come.
"""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from adapters.evidence.facts import Kept
from bot.runbook.errors import Refused, Unreachable
from bot.settings import EvidenceSettings

MOST_LISTED = 500
#: The metadata of each object.
LINES, SHA256 = "lines", "sha256"


class Bucket:
    def __init__(self, calls: AwsCalls, settings: EvidenceSettings) -> None:
        self._calls, self._retain = calls, timedelta(days=settings.retain_days)
        self._name = settings.bucket

    @property
    def name(self) -> str:
        """Raises Refused when there is none."""
        if not self._name:
            raise Refused(
                "There is nowhere to keep evidence: evidence.bucket is not set. Nothing was kept;"
                " keep it by hand before anything is changed."
            )
        return self._name

    async def check(self) -> None:
        """Whether it is there and locks. Raises Refused, Unreachable."""
        await self._calls.read("s3", "get_object_lock_configuration", Bucket=self.name)

    async def put(
        self, key: str, body: BinaryIO | bytes, sha256: bytes, lines: int, since: datetime
    ) -> None:
        """Locked for so many days from `since` on. Raises what AwsCalls.write raises."""
        await self._calls.write(
            "s3", "put_object",
            Bucket=self.name, Key=key, Body=body, IfNoneMatch="*",
            ChecksumAlgorithm="SHA256", ChecksumSHA256=base64.b64encode(sha256).decode(),
            Metadata={LINES: str(lines), SHA256: sha256.hex()},
            ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=since + self._retain,
        )  # fmt: skip

    async def kept(self, key: str) -> Kept | None:
        """None when there is no such object. Raises Unreachable, Refused."""
        try:
            there = await self._calls.read(
                "s3", "head_object", Bucket=self.name, Key=key, ChecksumMode="ENABLED"
            )
        except NotThere:
            return None
        return _kept(key, there)

    async def all_in(self, folder: str) -> tuple[Kept, ...]:
        """Raises Unreachable also when there is more than can be listed: all, or not known."""
        pages = await self._calls.read_pages(
            "s3", "list_objects_v2", "Contents", MOST_LISTED, Bucket=self.name, Prefix=f"{folder}/"
        )
        if not pages.is_complete:
            raise Unreachable(f"There is more evidence in {folder} than can be listed here")
        found = [await self.kept(one["Key"]) for one in pages.items]
        return tuple(one for one in found if one is not None)


def _kept(key: str, there: Mapping[str, Any]) -> Kept:
    told = there.get("Metadata") or {}
    computed = base64.b64decode(there.get("ChecksumSHA256") or "").hex()
    lines = str(told.get(LINES, ""))
    is_locked = there.get("ObjectLockMode") == "COMPLIANCE"
    return Kept(
        name=key.split("/", 2)[-1],  # Within the folder of its run.
        lines=int(lines) if lines.isascii() and lines.isdigit() else None,
        size=there["ContentLength"],
        sha256=computed if computed == told.get(SHA256) else "",
        kept_at=there["LastModified"],
        locked_until=there.get("ObjectLockRetainUntilDate") if is_locked else None,
    )
