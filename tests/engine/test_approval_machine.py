"""Whatever anybody does, and whatever goes wrong: what is made was approved, as shown, once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.engine.approval_machine import ApprovalMachine, run
from tests.engine.approval_sites import OnDisk, postgres

#: Only when it fails: then the shortest story is looked for.
pytestmark = pytest.mark.timeout(900)


def test_in_one_story_nothing_is_made_that_was_not_approved_as_shown(tmp_path: Path) -> None:
    class Machine(ApprovalMachine):
        site, tally = OnDisk(tmp_path), Counter[str]()

    run(50, 1, Machine)
    assert Machine.tally["applies"]


@pytest.mark.slow
def test_nothing_is_ever_made_that_was_not_approved_as_shown(tmp_path: Path) -> None:
    class Machine(ApprovalMachine):
        site, tally = OnDisk(tmp_path), Counter[str]()

    run(500, 1, Machine)
    assert Machine.tally["steps"] >= 500
    for what in ("clicks", "refusals", "applies", "restarts", "takeovers", "calls late"):
        assert Machine.tally[what], f"no {what} at all: the steps prove nothing"


@pytest.mark.slow
def test_nor_on_postgresql_where_two_replicas_decide_at_once() -> None:
    with postgres() as server:

        class Machine(ApprovalMachine):
            site, tally = server, Counter[str]()

        run(300, 1, Machine)
        assert Machine.tally["applies"]
