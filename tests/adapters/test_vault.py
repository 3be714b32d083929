"""The bucket that locks, against S3 with object lock in a box."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from adapters.aws_calls import AwsCalls
from adapters.vault import PERMISSIONS, LockedBucket
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

NAME, KEY = "2026-11-24.json", "runbook-bot-audit/2026-11-24.json"
CONTENT = b'{"seq": 17}\n'
PUT = f"PUT /anchors/{KEY}"


@pytest.fixture
def until() -> datetime:
    """S3 compares it with the machine's own clock, and knows no fractions of a second."""
    return datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
async def s3(world: AwsWorld) -> Any:
    """Somebody else's client, who may do everything."""
    client: Any = boto3.client("s3", region_name="us-east-1", endpoint_url=world.endpoint_url)
    await asyncio.to_thread(
        client.create_bucket, Bucket="anchors", ObjectLockEnabledForBucket=True
    )
    await asyncio.to_thread(client.create_bucket, Bucket="plain")
    return client


@pytest.fixture
async def vault(s3: Any, calls: AwsCalls) -> AsyncIterator[LockedBucket]:
    yield LockedBucket(calls, "anchors")


def content(s3: Any) -> bytes:
    body: bytes = s3.get_object(Bucket="anchors", Key=KEY)["Body"].read()
    return body


def puts(world: AwsWorld) -> int:
    return [one.operation for one in world.calls].count(PUT)


async def test_what_is_kept_cannot_be_deleted_before_its_day(
    vault: LockedBucket, s3: Any, until: datetime
) -> None:
    assert await vault.keep(NAME, CONTENT, until) == f"s3://anchors/{KEY}"
    assert await asyncio.to_thread(content, s3) == CONTENT
    there = await asyncio.to_thread(lambda: s3.head_object(Bucket="anchors", Key=KEY))
    assert there["ObjectLockMode"] == "COMPLIANCE"
    assert abs(there["ObjectLockRetainUntilDate"] - until) < timedelta(seconds=1)
    with pytest.raises(ClientError, match="AccessDenied"):
        await asyncio.to_thread(
            lambda: s3.delete_object(Bucket="anchors", Key=KEY, VersionId=there["VersionId"])
        )


async def test_the_same_again_is_kept_already(
    vault: LockedBucket, s3: Any, until: datetime
) -> None:
    await vault.keep(NAME, CONTENT, until)
    assert await vault.keep(NAME, CONTENT, until) == f"s3://anchors/{KEY}"
    versions = await asyncio.to_thread(lambda: s3.list_object_versions(Bucket="anchors"))
    assert len(versions["Versions"]) == 1


async def test_something_else_under_its_name_is_told_and_not_overwritten(
    vault: LockedBucket, s3: Any, until: datetime
) -> None:
    await vault.keep(NAME, b"other", until)
    with pytest.raises(Refused, match="holds something else than this log's anchor"):
        await vault.keep(NAME, CONTENT, until)
    assert await asyncio.to_thread(content, s3) == b"other"


async def test_what_is_there_and_not_locked_is_not_taken_for_kept(
    vault: LockedBucket, s3: Any, until: datetime
) -> None:
    await asyncio.to_thread(
        lambda: s3.put_object(Bucket="anchors", Key=KEY, Body=CONTENT, ChecksumAlgorithm="SHA256")
    )
    with pytest.raises(Refused, match="not seen to be locked"):
        await vault.keep(NAME, CONTENT, until)


async def test_a_lost_answer_is_looked_after_and_not_repeated(
    vault: LockedBucket, s3: Any, world: AwsWorld, until: datetime
) -> None:
    world.faults.lose_response("s3", PUT)
    await vault.keep(NAME, CONTENT, until)
    assert puts(world) == 1
    assert await asyncio.to_thread(content, s3) == CONTENT


async def test_a_lost_request_is_unreachable_and_may_be_tried_again(
    vault: LockedBucket, world: AwsWorld, until: datetime
) -> None:
    world.faults.lose_request("s3", PUT)
    with pytest.raises(Unreachable, match="s3:PutObject"):
        await vault.keep(NAME, CONTENT, until)
    assert puts(world) == 1
    await vault.keep(NAME, CONTENT, until)


async def test_a_bucket_that_does_not_lock_is_refused(
    calls: AwsCalls, s3: Any, until: datetime
) -> None:
    plain = LockedBucket(calls, "plain")
    with pytest.raises(Refused, match="s3:GetBucketObjectLockConfiguration"):
        await plain.check()
    with pytest.raises(Refused, match="s3:PutObject"):
        await plain.keep(NAME, CONTENT, until)
    await LockedBucket(calls, "anchors").check()


async def test_a_bucket_that_does_not_exist_is_said_so(
    calls: AwsCalls, s3: Any, until: datetime
) -> None:
    with pytest.raises(Refused, match="does not exist"):
        await LockedBucket(calls, "nowhere").keep(NAME, CONTENT, until)


def test_it_asks_for_no_right_to_delete() -> None:
    assert not [one for one in PERMISSIONS if "Delete" in one or "Bypass" in one]
