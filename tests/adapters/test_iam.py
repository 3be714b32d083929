"""Keys and roles, against the sandbox's account: whose they are, and how they become worthless."""

import json
from collections.abc import AsyncIterator

import pytest

from adapters.aws_calls import AwsCalls
from adapters.iam import DeactivateKey, DenyOlderSessions, Iam
from bot.runbook import Change
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws import account
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

CORE = "complyai-core"


@pytest.fixture
async def iam(world: AwsWorld, calls: AwsCalls) -> AsyncIterator[Iam]:
    world.load_account()
    yield Iam(calls)


async def made(iam: Iam, change: Change) -> str:
    """Made once: what is there before and after, as the engine looks at it."""
    (pair,) = [one for one in iam.alters if one.change is type(change)]
    before = await pair.observe(iam, change)
    making = pair.apply(iam, change, "key")
    assert not hasattr(making, "__aiter__")
    await making
    return f"{before.state} {(await pair.observe(iam, change)).state}"


async def test_a_key_tells_whose_it_is_and_what_else_they_have(iam: Iam) -> None:
    account.add_key(account.DEPLOYER, "AKIASECONDKEY0000000")
    found = await iam.credentials([account.DEPLOYERS_KEY], [CORE, "no-such-role"])
    assert [one.id for one in found.keys] == [account.DEPLOYERS_KEY, "AKIASECONDKEY0000000"]
    key = found.key(account.DEPLOYERS_KEY)
    assert key and (key.user, key.is_active, key.has_mfa) == (account.DEPLOYER, True, False)
    assert key.policies == ("deploys",)
    assert [one.name for one in found.roles] == [CORE] and found.missing == ("no-such-role",)
    assert len(found.table().rows) == 3


async def test_a_key_of_nobody_here_is_missing_and_not_well(iam: Iam) -> None:
    found = await iam.credentials(["AKIANOBODYHASTHIS000"])
    assert (found.keys, found.missing) == ((), ("AKIANOBODYHASTHIS000",))


async def test_a_key_is_made_inactive_once_and_active_again(iam: Iam) -> None:
    change = DeactivateKey(user=account.DEPLOYER, key_id=account.DEPLOYERS_KEY)
    assert await made(iam, change) == "before applied"
    assert (await iam._see_inactive(change)).now.endswith("is Inactive")
    assert await made(iam, change.undo()) == "before applied"


async def test_a_key_or_user_that_is_gone_has_drifted(iam: Iam) -> None:
    gone = DeactivateKey(user=account.DEPLOYER, key_id="AKIAGONE000000000000")
    assert (await iam._see_inactive(gone)).state == "drifted"
    nobody = DeactivateKey(user="nobody", key_id=account.DEPLOYERS_KEY)
    assert (await iam._see_inactive(nobody)).state == "drifted"


async def test_a_roles_older_sessions_are_denied_and_allowed_again(iam: Iam) -> None:
    (role,) = (await iam.credentials([], [CORE])).roles
    assert role.denies_before is None
    change = role.deny_older_sessions("7F3K")
    assert await made(iam, change) == "before applied"
    (denied,) = (await iam.credentials([], [CORE])).roles
    assert denied.denies_before == role.as_of.replace(microsecond=0)
    assert await made(iam, change.undo()) == "before applied"


async def test_a_policy_of_that_name_that_says_something_else_is_not_overwritten(iam: Iam) -> None:
    (role,) = (await iam.credentials([], [CORE])).roles
    change = role.deny_older_sessions("7F3K")
    account.deny_older(CORE, change.policy, json.dumps(account.POLICY))
    assert (await iam._see_denied(change)).state == "drifted"


async def test_a_role_that_is_gone_has_drifted(iam: Iam) -> None:
    (role,) = (await iam.credentials([], [CORE])).roles
    gone: DenyOlderSessions = role.deny_older_sessions("7F3K").model_copy(update={"role": "gone"})
    assert (await iam._see_denied(gone)).state == "drifted"
    assert (await iam._see_allowed(gone.undo())).state == "drifted"


async def test_a_lost_answer_is_no_answer_and_what_is_there_says_what_happened(
    iam: Iam, world: AwsWorld
) -> None:
    change = DeactivateKey(user=account.DEPLOYER, key_id=account.DEPLOYERS_KEY)
    world.faults.lose_response("iam", "UpdateAccessKey")
    with pytest.raises(Unreachable):
        await iam._deactivate(change, "key")
    assert (await iam._see_inactive(change)).state == "applied"
    told = [one for one in world.calls if one.operation == "UpdateAccessKey"]
    assert len(told) == 1


async def test_what_may_not_be_read_is_refused_and_never_empty(iam: Iam, world: AwsWorld) -> None:
    world.faults.deny("iam", "ListAccessKeys")
    with pytest.raises(Refused, match="iam:ListAccessKeys"):
        await iam.credentials([account.DEPLOYERS_KEY])
