"""Parameters such as circuit breakers, against the company's AWS in a box."""

import pytest

from adapters.aws_calls import AwsCalls
from adapters.parameters import Parameters, SetParameter
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

META = "/complyai/circuit/meta"
OPEN = SetParameter(name=META, value="open", replacing="closed")


@pytest.fixture
def parameters(calls: AwsCalls) -> Parameters:
    return Parameters(calls)


async def test_a_circuit_breaker_is_opened_and_closed_again(
    parameters: Parameters, world: AwsWorld
) -> None:
    change = (await parameters.get(META)).set_to("open")
    assert change == OPEN
    assert await parameters._see(OPEN) == Seen("before", f"{META} is closed")
    await parameters._put(OPEN, "key")
    assert await parameters._see(OPEN) == Seen("applied", f"{META} is open")
    assert world.parameter(META) == "open"
    await parameters._put(OPEN.undo(), "key")
    assert world.parameter(META) == "closed"


async def test_one_that_is_open_already_needs_no_change(parameters: Parameters) -> None:
    await parameters._put(OPEN, "key")
    assert (await parameters.get(META)).set_to("open") is None


async def test_one_that_does_not_exist_is_absent_and_is_never_created(
    parameters: Parameters, world: AwsWorld
) -> None:
    absent = await parameters.get("/complyai/circuit/mta")
    assert (absent.value, absent.set_to("open")) == (None, None)
    change = SetParameter(name="/complyai/circuit/mta", value="open", replacing="closed")
    assert (await parameters._see(change)).state == "drifted"
    with pytest.raises(Refused, match="Nothing was changed"):
        await parameters._put(change, "key")
    assert world.parameter("/complyai/circuit/mta") is None


async def test_a_value_that_somebody_else_set_is_drifted(parameters: Parameters) -> None:
    change = OPEN.model_copy(update={"replacing": "half-open"})
    assert await parameters._see(change) == Seen("drifted", f"{META} is closed")


async def test_a_lost_answer_is_not_repeated_and_the_change_is_seen(
    parameters: Parameters, world: AwsWorld
) -> None:
    world.faults.lose_response("ssm", "PutParameter")
    with pytest.raises(Unreachable):
        await parameters._put(OPEN, "key")
    assert (await parameters._see(OPEN)).state == "applied"
    assert [c.operation for c in world.calls].count("PutParameter") == 1


async def test_a_denied_change_names_permission_and_role(
    parameters: Parameters, world: AwsWorld
) -> None:
    world.faults.deny("ssm", "PutParameter")
    with pytest.raises(Refused, match="ssm:PutParameter for role runbook-bot-write"):
        await parameters._put(OPEN, "key")


@pytest.mark.parametrize("kind", ["SecureString", "StringList"])
async def test_what_is_no_plain_string_is_neither_shown_nor_changed(
    scripted: ScriptedAws, scripted_calls: AwsCalls, kind: str
) -> None:
    kept = {"Name": META, "Type": kind, "Value": "AQICAHi-hidden"}
    scripted.answers("ssm", "GetParameter", {"Parameter": kept})
    parameters = Parameters(scripted_calls)
    with pytest.raises(Refused, match=f"is a {kind}, not a plain String") as refused:
        await parameters.get(META)
    assert "hidden" not in str(refused.value)
    with pytest.raises(Refused):
        await parameters._see(OPEN)


def test_the_command_can_be_typed_whatever_the_value_holds() -> None:
    change = SetParameter(name=META, value="open; rm -rf /", replacing="closed")
    assert change.command().endswith("--value 'open; rm -rf /'")
