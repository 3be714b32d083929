"""Slack fails and then limits whatever a run calls first: all of it is late, nothing is lost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.postgres import Database
from sandbox.slack.api.dispatch import METHODS
from sandbox.slack.workspace import Workspace
from tests.scenarios.conftest import bot_in, company_in
from tests.scenarios.outage import Outage

STRUCK = ["service_unavailable", "ratelimited"]  #: HTTP 503, then 429.


async def test_a_run_loses_nothing_when_slack_fails_and_limits_every_method_that_it_calls(
    tmp_path: Path,
) -> None:
    async with (
        Database(organizations=0) as database,
        company_in(tmp_path, database) as box,
        bot_in(box),
    ):
        before = len(box.slack.calls)
        for method in METHODS:
            box.slack.faults.server_error(method)
            box.slack.faults.rate_limit(method)
        outage = Outage(box)
        outage.check(await outage.live())
        answers = _answers(box.slack, before)
        assert {method for method, found in answers.items() if found[:2] != STRUCK} == set()
        assert len(answers) >= 17


def _answers(slack: Workspace, first: int) -> Mapping[str, Sequence[str]]:
    """By method, what it was answered, from the first of these calls on."""
    found = defaultdict(list)
    for call in slack.calls[first:]:
        found[call.method].append(call.status)
    return found
