"""The cut-over of a restore as one plan, whose bot dies after each of its calls, one by one."""

import inspect
import json
from pathlib import Path

import pytest

from adapters.aws_calls import AwsCalls
from adapters.ecs import ScaleService
from adapters.rds import RenameDatabase
from bot.runbook import Change
from sandbox.aws.rds.restoring import Wanted
from sandbox.aws.rds.state import Setup
from sandbox.box import Box
from tests.crash.cases import _until, steady
from tests.crash.life import Task
from tests.crash.matrix import KILLED, SCALE, lives

pytestmark = pytest.mark.slow

PROD, RESTORED, OLD = "complyai-prod", "complyai-prod-restored", "complyai-prod-old"
CORE = "complyai-core"


async def test_a_cut_over_that_dies_after_every_call_is_made_once_and_to_its_end(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path, scale=SCALE, database="single", organizations=3)
    async with box.running(), lives(box) as living:
        live = box.aws.resource_of(PROD)
        plan = await _plan(box)
        first, *then = [(type(one).__name__, one.model_dump(mode="json")) for one in plan]
        folder = tmp_path / "lives"
        folder.mkdir()
        task = Task(str(folder), *first, place=_call_of_aws(), when="returning", then=tuple(then))
        deaths = 0
        while (status := await living.live(task)) == KILLED:
            deaths += 1
            assert deaths <= len(plan), (folder / "log").read_text()
        log = (folder / "log").read_text()
        assert not status and deaths == len(plan), log
        outcome = json.loads((folder / "outcome.json").read_text())
        assert (outcome["status"], outcome["asks"]) == ("given", ""), outcome
        asked = [one.operation for one in box.aws.calls]
        assert asked.count("ModifyDBInstance") == asked.count("UpdateService") == 2
        assert box.aws.resource_of(OLD) == live != box.aws.resource_of(PROD)
        assert len((await steady(box, CORE)).healthy()) == 4


def _call_of_aws() -> str:
    """The line at which AWS's answer is waited for."""
    lines, first = inspect.getsourcelines(AwsCalls._run)
    (at,) = [first + i for i, line in enumerate(lines) if "asyncio.wrap_future" in line]
    return f"adapters/aws_calls.py:{at}"


async def _plan(box: Box) -> list[Change]:
    rds, restoring = box.aws._parts.rds, box.aws._parts.restoring
    with box.aws._timeline.up_to_date():
        live = rds.instances[PROD]
        made = restoring.instance(Wanted(RESTORED, Setup(), []), restoring.of_moment(live, None))
    await _until(lambda: made.status == "available")
    service = await steady(box, CORE)
    stop = ScaleService(cluster=service.cluster, service=CORE, desired=0, replacing="4")
    names = {live.resource_id: (PROD, OLD), made.resource_id: (RESTORED, PROD)}
    renames = [
        RenameDatabase(resource_id=one, is_cluster=False, to=to, replacing=name)
        for one, (name, to) in names.items()
    ]
    return [stop, *renames, stop.undo()]
