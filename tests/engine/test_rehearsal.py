"""A book is rehearsed with canned answers, the real conductor, and a script of decisions."""

from bot.engine.rehearsal import canned, rehearse
from bot.runbook.errors import Unreachable
from tests.engine.small_world import BOOK, Inputs, Lamp, Lamps


def lamps(*colors: str) -> Lamps:
    return canned(Lamps, lamp=[Lamp(color=color) for color in colors])


async def test_a_picked_action_is_approved_applied_and_proved() -> None:
    seen = await rehearse(BOOK, Inputs(), [lamps("red", "red", "green")], picks=["paint"])
    assert seen.order == ["greet", "leader", "color", "attic", "paint", "painted", "part"]
    assert seen.commands["paint"] == ["paint hall green"]
    assert seen.people == {"paint": 1}
    assert seen.is_over


async def test_a_watch_whose_time_runs_out_is_a_problem() -> None:
    seen = await rehearse(BOOK, Inputs(), [lamps("red")], picks=["paint"])
    assert seen.statuses["painted"] == "problem"
    assert seen.says["painted"] == "Not within 30 s: still red"


async def test_a_denied_plan_proves_nothing_and_the_run_goes_on() -> None:
    seen = await rehearse(BOOK, Inputs(), [lamps("red")], picks=["paint"], denied=["paint"])
    assert seen.statuses["paint"] == "denied"
    assert "painted" not in seen.order
    assert seen.is_over


async def test_what_does_not_answer_is_unknown_and_suggests_nothing() -> None:
    seen = await rehearse(BOOK, Inputs(), [canned(Lamps, lamp=Unreachable("no answer"))])
    assert seen.statuses["color"] == "unknown"
    assert seen.suggested == []
