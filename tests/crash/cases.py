"""
For every class of change: a world in which it is due, and how often it was made there.

A class without a case fails tests/crash/test_crash.py. Cases of one box are tried side by side, so
no two of them touch the same target; each puts its own target right before it is tried again.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.calendar import ScheduleMeeting
from adapters.ecs import BeginUpdate, RestartService, ScaleService, UpdateService
from adapters.pager import Page
from adapters.parameters import SetParameter
from adapters.rds import FailOver, RebootWithFailover, TakeSnapshot
from adapters.slack import CreateChannel, PostTimeline
from adapters.tickets import CreateTicket
from bot.runbook import Change
from sandbox.aws.ecs.state import Service
from sandbox.aws.seed import DatabaseKind
from sandbox.box import Box
from sandbox.peers.peer import Peer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)  #: Stands where the run puts its own start.
NUMBERS = itertools.count(1)

#: How often the change was made, by whatever the other side shows; given the run's id.
Effects = Callable[[str], int]


#: Seconds that a held call is on its way: longer than another life needs to begin, and shorter
#: than the engine lets pass before it believes that nothing is.
HELD_S = 1.2


@dataclass(frozen=True)
class Wire:
    """What can happen to the next call that makes the change, between us and the other side."""

    lose: Callable[[], object]  #: It is carried out, and its answer does not come.
    #: It is on its way for HELD_S, whatever becomes of who sent it. Tells whether it has come.
    hold: Callable[[], Callable[[], bool]]


@dataclass(frozen=True)
class Case:
    change: Change  #: `run` and `since` are the run's own once it is made.
    effects: Effects
    wire: Wire | None = None  #: None: it is written in our own store, by no call.


@dataclass(frozen=True)
class Maker:
    make: Callable[[Box], Awaitable[Case]]
    database: DatabaseKind
    #: Why, when it is killed before its call, nobody can tell whether the call came.
    untold: str = ""


CASES: dict[type[Change], Maker] = {}
Made = Callable[[Box], Awaitable[Case]]


def case(
    kind: type[Change], database: DatabaseKind = "aurora", untold: str = ""
) -> Callable[[Made], Made]:
    def declare(make: Made) -> Made:
        CASES[kind] = Maker(make, database, untold)
        return make

    return declare


def calls(box: Box, operation: str, **like: object) -> Callable[[], int]:
    """How often AWS is asked this from now on, with these parameters."""

    def count() -> int:
        asked = (one for one in box.aws.calls if one.operation == operation)
        return sum(all(one.params.get(k) == v for k, v in like.items()) for one in asked)

    before = count()
    return lambda: count() - before


async def steady(box: Box, service: str) -> Service:
    """The service once nothing rolls any more."""
    found = box.aws._parts.service(service)

    def is_steady() -> bool:
        is_done = len(found.deployments) == 1 and found.primary.rollout == "COMPLETED"
        return is_done and len(found.healthy()) == found.desired

    await _until(is_steady)
    return found


async def _until(truth: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not truth():  # noqa: ASYNC110 - the world does not tell
            await asyncio.sleep(0.02)


def aws(box: Box, service: str, operation: str) -> Wire:
    faults = box.aws.faults

    def hold() -> Callable[[], bool]:
        held = faults.delay(service, operation, HELD_S)
        return lambda: all(one is not held for one in faults._active)

    return Wire(lambda: faults.lose_response(service, operation), hold)


def slack(box: Box, method: str) -> Wire:
    faults = box.slack.faults

    def hold() -> Callable[[], bool]:
        held = faults.delay(method, HELD_S)
        return lambda: all(one is not held for one in faults.active)

    return Wire(lambda: faults.drop_after_storing(method), hold)


def sent(peer: Peer, method: str = "POST") -> Wire:
    def hold() -> Callable[[], bool]:
        peer.slow_s = HELD_S
        peer.fail("slow", 1, method)
        return lambda: "slow" not in peer.faults

    return Wire(lambda: peer.fail("lost response", 1, method), hold)


@case(UpdateService)
async def update(box: Box) -> Case:
    return await _update(box, UpdateService, "complyai-core")


@case(BeginUpdate)
async def begin_update(box: Box) -> Case:
    return await _update(box, BeginUpdate, "complyai-frontend")


async def _update(box: Box, kind: type[UpdateService], name: str) -> Case:
    """Each of another service, for both are tried at the same time."""
    service = await steady(box, name)
    runs = service.primary.definition
    others = (one.definition for one in service.revisions.values())
    to = next(one for one in others if one.name != runs.name and one.status == "ACTIVE")
    before = len(service.record)
    return Case(
        kind(
            cluster=service.cluster,
            service=service.name,
            replacing=runs.name,
            task_definition=to.name,
            deployment_id=service.primary.id,
        ),
        lambda _: len(service.record) - before,
        aws(box, "ecs", "UpdateService"),
    )


@case(ScaleService)
async def scale(box: Box) -> Case:
    service = await steady(box, "complyai-api")
    wants = 5 if service.desired == 4 else 4
    asked = calls(box, "UpdateService", desiredCount=wants)
    return Case(
        ScaleService(
            cluster=service.cluster,
            service=service.name,
            replacing=str(service.desired),
            desired=wants,
        ),
        lambda _: asked(),
        aws(box, "ecs", "UpdateService"),
    )


@case(
    RestartService,
    untold="ECS takes no token for a forced deployment, and each call is another one",
)
async def restart(box: Box) -> Case:
    service = await steady(box, "complyai-maestro")
    before = len(service.record)
    return Case(
        RestartService(
            cluster=service.cluster,
            service=service.name,
            replacing=service.primary.id,
            task_definition=service.primary.definition.name,
        ),
        lambda _: len(service.record) - before,
        aws(box, "ecs", "UpdateService"),
    )


@case(FailOver)
async def fail_over(box: Box) -> Case:
    cluster = box.aws._parts.rds.clusters[box.aws.company.database]
    await _until(lambda: cluster.status == "available" and not box._moving)
    (to,) = (one for one in cluster.members if one != cluster.writer)
    moves = _Counter()
    box.aws.on_writer_moved(moves.count)
    return Case(
        FailOver(database=cluster.name, to=to, replacing=cluster.writer),
        lambda _: moves.so_far,
        aws(box, "rds", "FailoverDBCluster"),
    )


@case(
    RebootWithFailover,
    "multi-az",
    untold="RDS takes no token for a reboot, and each call is another one",
)
async def reboot(box: Box) -> Case:
    instance = box.aws._parts.rds.instances[box.aws.company.database]
    await _until(lambda: instance.status == "available" and not box._moving)
    moves = _Counter()
    box.aws.on_writer_moved(moves.count)
    return Case(
        RebootWithFailover(
            database=instance.name, replacing=instance.zone, since=datetime.now(UTC)
        ),
        lambda _: moves.so_far,
        aws(box, "rds", "RebootDBInstance"),
    )


@case(TakeSnapshot)
async def snapshot(box: Box) -> Case:
    name = f"crash-{next(NUMBERS)}"
    asked = box.aws._parts.rds.snapshots
    return Case(
        TakeSnapshot(database=box.aws.company.database, is_cluster=True, snapshot=name, run=""),
        lambda _: sum(one == (name, True) for one in asked),
        aws(box, "rds", "CreateDBClusterSnapshot"),
    )


@case(SetParameter)
async def parameter(box: Box) -> Case:
    name = box.aws.company.vendors[0].circuit_parameter
    now = box.aws.parameter(name) or ""
    to = "open" if now == "closed" else "closed"
    asked = calls(box, "PutParameter", Name=name)
    return Case(
        SetParameter(name=name, value=to, replacing=now),
        lambda _: asked(),
        aws(box, "ssm", "PutParameter"),
    )


@case(CreateChannel)
async def channel(box: Box) -> Case:
    name = f"incident-crash-{next(NUMBERS)}"
    return Case(
        CreateChannel(name=name, run="", since=LONG_AGO, topic="drill", invite=("U0RAVI",)),
        lambda _: sum(one.name.startswith(name) for one in box.slack.channels()),
        slack(box, "conversations.create"),
    )


@case(PostTimeline)
async def timeline(box: Box) -> Case:
    def said(run: str) -> int:
        stamps = ((one.get("metadata") or {}).get("event_payload", {}) for one in _said(box))
        return sum(one.get("op") == f"{run}/timeline#1" for one in stamps)

    return Case(PostTimeline(run=""), said)


@case(ScheduleMeeting)
async def meeting(box: Box) -> Case:
    title = f"Drill {next(NUMBERS)}"
    change = ScheduleMeeting(
        run="", since=LONG_AGO, title=title, starts_at=datetime.now(UTC).replace(year=2099)
    )

    def shared(_run: str) -> int:
        files = (file for one in _said(box) for file in one.get("files", ()))
        return sum(file["title"] == title for file in files)

    return Case(change, shared)


@case(
    CreateTicket,
    untold="no tracker takes a key for a new issue, and Jira's search lags behind",
)
async def ticket(box: Box) -> Case:
    change = CreateTicket(run="", number=1, since=LONG_AGO, title="What to do next")

    def marked(run: str) -> int:
        mark = change.model_copy(update={"run": run}).mark
        return sum(mark in one.body for one in box.github.issues)

    return Case(change, marked, sent(box.github))


@case(Page)
async def page(box: Box) -> Case:
    def woken(run: str) -> int:
        """The key has the run's start in it as well, which only the run knows."""
        keys = (key for one in box.pagerduty.incidents for key in one.keys)
        return sum(run in key for key in keys)

    return Case(Page(run="", since=LONG_AGO, message="Drill"), woken, sent(box.pagerduty))


def _said(box: Box) -> Iterator[Mapping[str, Any]]:
    for place in box.slack.channels():
        yield from place.messages.values()


@dataclass
class _Counter:
    so_far: int = field(default=0)

    def count(self, _before: str, _now: str) -> None:
        self.so_far += 1
