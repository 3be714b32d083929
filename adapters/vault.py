"""
A bucket of S3 with object lock: what is put there can be deleted or replaced by nobody, the
account's owner included, until its day has come.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from bot.runbook.errors import Refused, StepError

#: What the bot's role must be allowed there, for docs/security.md.
PERMISSIONS: tuple[str, ...] = (
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:PutObjectRetention",
)
FOLDER = "runbook-bot-audit"
#: S3 tells times to the second.
RESOLUTION = timedelta(seconds=1)


class LockedBucket:
    """Implements bot.engine.anchoring.Vault."""

    def __init__(self, calls: AwsCalls, bucket: str) -> None:
        self._calls, self._bucket = calls, bucket

    async def check(self) -> None:
        """Whether it is there and locks. Raises Refused, Unreachable."""
        await self._calls.read("s3", "get_object_lock_configuration", Bucket=self._bucket)

    async def keep(self, name: str, content: bytes, until: datetime) -> str:
        key = f"{FOLDER}/{name}"
        try:
            await self._calls.write(
                "s3", "put_object",
                Bucket=self._bucket, Key=key, Body=content, ContentType="application/json",
                ChecksumAlgorithm="SHA256", IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until,
            )  # fmt: skip
        except StepError as error:
            # Its answer was lost, or it was there before. What is there says which.
            there = await self._there(key, error)
            self._compare(key, there, content, until)
        return f"s3://{self._bucket}/{key}"

    async def _there(self, key: str, error: StepError) -> dict[str, Any]:
        """Raises the error of the attempt when it is not there, or when nobody can tell."""
        try:
            return await self._calls.read(
                "s3", "head_object", Bucket=self._bucket, Key=key, ChecksumMode="ENABLED"
            )
        except NotThere:
            raise error from None
        except StepError as blind:
            raise type(blind)(f"{error} And it cannot be seen: {blind}") from None

    def _compare(self, key: str, there: dict[str, Any], content: bytes, until: datetime) -> None:
        where = f"s3://{self._bucket}/{key}"
        wanted = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if there.get("ChecksumSHA256") != wanted:
            raise Refused(
                f"{where} holds something else than this log's anchor, and was not overwritten."
                " Another bot writes there, or somebody put it there: give each bot its bucket."
            )
        locked_until: datetime | None = there.get("ObjectLockRetainUntilDate")
        is_compliance = there.get("ObjectLockMode") == "COMPLIANCE"
        if not is_compliance or not locked_until or locked_until < until - RESOLUTION:
            raise Refused(
                f"{where} is there, but not seen to be locked until {until:%Y-%m-%d}. Look there,"
                " and whether the bot's role has s3:GetObjectRetention."
            )
