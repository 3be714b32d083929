"""Slack fails and then limits whatever a run calls first: all of it is late, nothing is lost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from sandbox.slack.api.dispatch import METHODS
from sandbox.slack.workspace import Workspace
from tests.scenarios.outage import Outage
from tests.scenarios.stage import Incident
from tests.scenarios.stories import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

STRUCK = ["service_unavailable", "ratelimited"]  #: HTTP 503, then 429.
Answers = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class EveryMethod:
    async def tell(self, stage: Stage) -> tuple[Outage, Incident, Answers]:
        async with stage.company() as (box, _):
            for method in METHODS:
                box.slack.faults.server_error(method)
                box.slack.faults.rate_limit(method)
            async with stage.bot(box):  # which connects all the same
                outage = Outage(box)
                return outage, await outage.live(), _answers(box.slack)


@pytest.mark.parametrize("told", [EveryMethod()], indirect=True, ids=["once each"])
async def test_a_run_loses_nothing_when_slack_fails_and_limits_every_method_that_it_calls(
    told: tuple[Outage, Incident, Answers],
) -> None:
    outage, room, answers = told
    outage.check(room)
    spared = {method for method, found in answers.items() if found[:2] != STRUCK[: len(found)]}
    assert not spared and len(answers) >= 19
    assert {"auth.test", "apps.connections.open"} <= set(answers)


def _answers(slack: Workspace) -> Answers:
    """By method, what it was answered."""
    found = defaultdict(list)
    for call in slack.calls:
        found[call.method].append(call.status)
    return found
