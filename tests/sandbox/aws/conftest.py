"""A world whose time stands still until a test moves it, and boto3 as its only client."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from sandbox.aws import AwsWorld, StandingClock
from sandbox.aws.seed import DatabaseKind

#: A Tuesday afternoon: the busiest hour.
START = datetime(2026, 11, 24, 15, 0, 30, tzinfo=UTC)
CORE, API, MAESTRO = "complyai-core", "complyai-api", "complyai-maestro"
SESSION = boto3.session.Session(
    aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="not-a-secret", region_name="us-east-1"
)


def client(world: AwsWorld, service: str, timeout_s: float = 10.0) -> Any:
    """One that never tries again, as the bot's writing ones."""
    once = Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        read_timeout=timeout_s,
        proxies={},
    )
    make: Callable[..., Any] = SESSION.client
    return make(service, endpoint_url=world.endpoint_url, config=once)


class Account:
    def __init__(self, world: AwsWorld, clock: StandingClock) -> None:
        self.world, self.clock = world, clock
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = client(self.world, service)
        return self._clients[service]

    def pass_time(self, **length: float) -> None:
        self.clock.advance(timedelta(**length).total_seconds())

    def service(self, name: str = CORE) -> Any:
        answer = self.client("ecs").describe_services(cluster="production", services=[name])
        return answer["services"][0]

    def update(self, name: str = CORE, **params: Any) -> Any:
        answer = self.client("ecs").update_service(cluster="production", service=name, **params)
        return answer["service"]

    def newest_deployment(self, name: str) -> Any:
        listed = self.client("ecs").list_service_deployments(cluster="production", service=name)
        return listed["serviceDeployments"][0]


Open = Callable[[DatabaseKind], Account]


@pytest.fixture
def open_account() -> Iterator[Open]:
    opened: list[AwsWorld] = []

    def make(database: DatabaseKind = "aurora") -> Account:
        clock = StandingClock(START)
        world = AwsWorld(database=database, clock=clock)
        asyncio.run(world.start())
        opened.append(world)
        return Account(world, clock)

    yield make
    for world in opened:
        asyncio.run(world.stop())


@pytest.fixture
def account(open_account: Open) -> Account:
    return open_account("aurora")
