"""
Whatever anybody does, and whatever goes wrong: what is made was approved, as shown, once; or the
glass was broken for it. The long run, with what it came to:

    python -m tests.engine.approval_machine --steps 10000 --seed 1
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.engine.approval_machine import ApprovalMachine, run
from tests.engine.approval_sites import OnDisk, postgres

WHAT_MUST_HAPPEN = (
    "clicks", "refusals", "applies", "restarts", "takeovers", "calls late", "requests expired",
    "requests frozen", "breaks", "applies through glass", "reviews", "freezes",
)  # fmt: skip
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

    run(300, 1, Machine)
    assert Machine.tally["steps"] >= 300
    for what in WHAT_MUST_HAPPEN:
        assert Machine.tally[what], f"no {what} at all: the steps prove nothing"


@pytest.mark.slow
def test_nor_on_postgresql_where_two_replicas_decide_at_once() -> None:
    with postgres() as server:

        class Machine(ApprovalMachine):
            site, tally = server, Counter[str]()

        run(150, 1, Machine)
        assert Machine.tally["applies"]
