"""RB-REC-001 as it goes when the database cannot be read any more: the whole bot, real servers."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from bot.runbook.company import Company
from bot.slack.views import names
from sandbox.aws.faults import Fault, FaultName
from sandbox.aws.wire import Request
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import GENERAL, Incident, Message, Person, has, until
from tests.scenarios.watching import look_often

pytestmark = pytest.mark.asyncio(loop_scope="module")

TO_TYPE = re.compile(r"Type (\S+) to approve")
READ = "SELECT count(o) FROM organizations o"
PROD, FIRST, SECOND = "complyai-prod", "complyai-prod-first", "complyai-prod-second"
SERVICES = Company().service_names


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    folder = tmp_path_factory.mktemp("company")
    with pytest.MonkeyPatch.context() as patch:
        look_often(patch, "RB-REC-001", "storage_restored", "restored", "connected")
        async with (
            Database(organizations=20) as database,
            company_in(folder, database, scale=0.02) as box,
            bot_in(box),
        ):
            yield box


@dataclass(frozen=True)
class Restore(Incident):
    """A run in the channel in which it was typed."""

    def person(self, name: str) -> Person:
        return Person(self.box, f"U0{name.upper()}")

    async def accepts_loss(self) -> None:
        asked = await self.offers(names.ANSWER)
        dana = self.person("dana")
        await dana.presses(asked, self.channel, names.ANSWER)
        form = await dana.sees_form(names.ANSWER_MODAL)
        given = {"in_whose_name": "Iris, CTO"}
        assert not (await dana.submits(form, given)).errors

    async def approves(self, words: str, *who: str) -> None:
        """By typing what is changed, where something is destroyed."""
        for name in who:
            asked, person = await self.asks_for_approval(words), self.person(name)
            if names.APPROVE_DESTROY not in json.dumps(asked):
                await person.presses(asked, self.channel, names.APPROVE)
                continue
            await person.presses(asked, self.channel, names.APPROVE_DESTROY)
            form = await person.sees_form(names.APPROVE_MODAL)
            (typed,) = TO_TYPE.findall(json.dumps(form, ensure_ascii=False))
            assert not (await person.submits(form, {names.TYPED: typed})).errors


async def rows(box: Box, query: str) -> int:
    connection = await asyncpg.connect(box.database.dsn)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


@dataclass
class RefusedAfter(Fault):
    """So many calls that write are carried out, and the one after them is refused."""

    name: FaultName = "deny"
    operation: str = "[UM]*"  #: UpdateService and ModifyDBCluster.
    left: int = 0

    def strikes(self, request: Request) -> bool:
        if not super().strikes(request):
            return False
        self.left -= 1
        return self.left < 0


def carried_out(box: Box) -> Counter[str]:
    """Calls that AWS has carried out, also those whose answer was lost."""
    return Counter(one.operation for one in box.aws.calls if one.fault != "deny")


def lose_answers(box: Box, stops_or_starts: int, renames: int = 0) -> None:
    box.aws.faults.lose_response("ecs", "UpdateService", times=stops_or_starts)
    if renames:
        box.aws.faults.lose_response("rds", "ModifyDBCluster", times=renames)


def refused(room: Restore) -> list[Message]:
    """Requests of which AWS has refused a part."""
    return [m for m in room.saying("Then: AWS refused") if m["text"].startswith("APPROVED")]


async def test_a_cut_over_that_is_interrupted_at_every_step_goes_on_there_and_can_be_taken_back(
    night: Box,
) -> None:
    """By refusals where it hurts most; and every other call's answer is lost."""
    aws, pods = night.aws, night.kubernetes.alive()
    live, tasks = aws.resource_of(PROD), {one: aws.task_state(one) for one in SERVICES}
    at = datetime.now(UTC) - timedelta(minutes=1)
    typed = f"RB-REC-001 restore_time={at:%Y-%m-%dT%H:%M:%SZ} restored_as={SECOND} kept_as={FIRST}"
    assert (await Person(night, "U0DANA").types(typed, "C0ALERTS")).acked
    room, renames = Restore(night, "C0ALERTS", "alerts"), f"--new-db-cluster-identifier {FIRST}"
    await room.accepts_loss()
    await room.approves("restore-db-cluster-to-point-in-time", "ravi", "lena")
    await room.approves("create-db-instance", "ravi")
    await room.asks_for_approval(renames)
    before = carried_out(night)
    night.kubernetes.fail("lost response", 4, "PATCH")

    aws.faults.add(RefusedAfter(left=len(SERVICES) + 1))
    lose_answers(night, stops_or_starts=len(SERVICES), renames=1)
    await room.approves(renames, "ravi", "lena")
    await until(night, lambda: len(refused(room)) == 1 or None)
    await room.shows("6 of 12 were applied: complyai-core runs 0 of 0 tasks; ")
    await room.shows(f"is called {FIRST}, available. Then: AWS refused rds:ModifyDBCluster")
    assert aws.resource_of(PROD) is None
    await goes_on(room)

    aws.faults.add(RefusedAfter(left=3))
    lose_answers(night, stops_or_starts=2, renames=1)
    await room.approves(renames, "ravi", "lena")
    await until(night, lambda: len(refused(room)) == 2 or None)
    assert live == aws.resource_of(FIRST) != aws.resource_of(PROD)
    assert [aws.task_state(one).running > 0 for one in SERVICES] == [True, True, False, False]
    await goes_on(room)

    lose_answers(night, stops_or_starts=2)
    await room.approves(renames, "ravi", "lena")
    await room.shows("are healthy, at the restored database, which takes writes")
    done = carried_out(night) - before
    assert (done["UpdateService"], done["ModifyDBCluster"]) == (2 * len(SERVICES), 2)
    assert {one: aws.task_state(one) for one in SERVICES} == tasks

    lose_answers(night, stops_or_starts=2 * len(SERVICES), renames=2)
    undo = f"{names.UNDO}:cut_over"
    await room.person("dana").presses(await room.offers(undo), room.channel, undo)
    await room.approves(f"--new-db-cluster-identifier {SECOND}", "ravi", "lena")
    await room.shows("are healthy, at the database of before, which takes writes")
    done = carried_out(night) - before
    assert (done["UpdateService"], done["ModifyDBCluster"]) == (4 * len(SERVICES), 4)
    assert {one: aws.task_state(one) for one in SERVICES} == tasks
    assert aws.resource_of(PROD) == live and night.kubernetes.alive() == pods
    assert not aws.faults.shape() and not night.kubernetes.faults


async def goes_on(room: Restore) -> None:
    """By the one button, and not by the other that is there as well."""
    card, again = await room.offers(f"{names.UNDO}:cut_over"), f"{names.AGAIN}:cut_over"
    assert has(card, again)
    await room.person("dana").presses(card, room.channel, again)


async def test_a_corrupted_database_is_restored_to_a_minute_before_and_can_be_gone_back_from(
    night: Box,
) -> None:
    before, pods = await rows(night, READ), night.kubernetes.alive()
    await night.switch("corrupted-database", on=True)
    with pytest.raises(asyncpg.DataCorruptedError):
        await rows(night, READ)
    at = datetime.now(UTC) - timedelta(minutes=1)
    ack = await Person(night, "U0DANA").types(f"RB-REC-001 restore_time={at:%Y-%m-%dT%H:%M:%SZ}")
    assert ack.acked
    room = Restore(night, GENERAL, "general")
    await room.says("complyai-prod is to be restored to")
    await room.accepts_loss()
    await room.approves("restore-db-cluster-to-point-in-time", "ravi", "lena")
    await room.approves("create-db-instance", "ravi")
    await room.shows("organizations cannot be read in the live one")
    await room.approves("--new-db-cluster-identifier complyai-prod-old", "ravi", "lena")
    await room.shows("are healthy, at the restored database, which takes writes")
    assert await rows(night, READ) == before
    assert night.kubernetes.alive() == pods > 0
    await room.says("Lost from complyai-prod: what was written from")
    assert any("accepted by Iris, CTO" in one["text"] for one in room.messages)
    await until(night, lambda: list(night.slack.files) or None)

    dana = room.person("dana")
    undo = f"{names.UNDO}:cut_over"
    await dana.presses(await room.offers(undo), GENERAL, undo)
    await room.approves("--new-db-cluster-identifier complyai-prod-restored", "ravi", "lena")
    await room.shows("complyai-core says 'unhealthy' (HTTP 503): database down")
    with pytest.raises(asyncpg.DataCorruptedError):
        await rows(night, READ)
    assert night.aws.task_state("complyai-core").running == 4 and night.kubernetes.alive() == pods


async def test_what_cannot_be_restored_is_said_before_anybody_is_asked(night: Box) -> None:
    """A moment that is still to come, and a database beside that has the name already."""
    at = datetime.now(UTC) + timedelta(hours=1)
    typed = f"RB-REC-001 restore_time={at:%Y-%m-%dT%H:%M:%SZ} restored_as=complyai-prod"
    made = len([one for one in night.aws.calls if one.operation.startswith("Restore")])
    assert (await Person(night, "U0DANA").types(typed, "C0SUPPORT")).acked
    room = Restore(night, "C0SUPPORT", "support")
    await room.shows("is in the future: any moment from")
    await room.shows("a database called complyai-prod exists already")
    await room.offers(names.GO_ON)
    assert made == len([one for one in night.aws.calls if one.operation.startswith("Restore")])
