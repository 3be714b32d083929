"""The company's AWS to look at, and credentials; nothing of the machine's own is read."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.aws_calls import AwsCalls
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def clock() -> StandingClock:
    """The world's time; it moves when a test moves it."""
    return StandingClock(datetime(2026, 11, 24, 3, 12, tzinfo=UTC))


@pytest.fixture
async def world(clock: StandingClock) -> AsyncIterator[AwsWorld]:
    """The company's AWS, with an Aurora cluster."""
    made = AwsWorld(clock=clock)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def calls(world: AwsWorld) -> AsyncIterator[AwsCalls]:
    made = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    # Windows of time go by AWS's clock, which is known from its first answer.
    await made.read("ecs", "list_services", cluster=world.company.cluster)
    yield made
    await made.close()


@pytest.fixture
def scripted() -> Iterator[ScriptedAws]:
    """For states that the world passes through too quickly, or never."""
    with ScriptedAws("ecs", "ecr", "rds", "ssm", "logs", "elbv2") as aws:
        yield aws


@pytest.fixture
async def scripted_calls(scripted: ScriptedAws) -> AsyncIterator[AwsCalls]:
    made = AwsCalls("us-east-1", scripted.url, timeout_s=2.0)
    yield made
    await made.close()
