"""AWS Secrets Manager: what is read, what is kept once, and what is said when it cannot be."""

import json

import pytest
from pydantic import SecretStr

from adapters.aws_calls import AwsCalls
from adapters.secrets import SecretsManager
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.values import Secret
from bot.secrets.redaction import REDACTOR
from bot.secrets.reference import Reference
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow
TYPED = SecretStr("EAAG-typed-by-dana")


@pytest.fixture
def manager(calls: AwsCalls) -> SecretsManager:
    return SecretsManager(calls, "runbook-bot/")


@pytest.fixture
async def there(calls: AwsCalls) -> None:
    """A secret that is a text, and one that is an object."""
    whole = json.dumps({"token": "hunter22", "port": 5432, "nothing": None})
    for name, text in (("prod/token", "a-text"), ("prod/all", whole)):
        await calls.write("secretsmanager", "create_secret", Name=name, SecretString=text)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("aws:prod/token", "a-text"),
        ("aws:prod/all#token", "hunter22"),
        ("aws:prod/all#port", "5432"),
    ],
)
async def test_a_secret_or_one_field_of_it_is_read(
    manager: SecretsManager, there: None, reference: str, value: str
) -> None:
    assert await manager.read(Reference(reference)) == value


@pytest.mark.parametrize(
    "reference",
    ["aws:prod/none", "aws:prod/all#none", "aws:prod/all#nothing", "aws:prod/token#token"],
)
async def test_a_secret_that_is_not_there_is_refused_by_its_reference(
    manager: SecretsManager, there: None, reference: str
) -> None:
    with pytest.raises(Refused) as refused:
        await manager.read(Reference(reference))
    assert reference in str(refused.value)
    assert "a-text" not in str(refused.value) and "hunter22" not in str(refused.value)


async def test_what_may_not_be_read_is_refused_with_the_right_that_is_missing(
    manager: SecretsManager, world: AwsWorld
) -> None:
    world.faults.deny("secretsmanager", "GetSecretValue")
    with pytest.raises(Refused, match=r"aws:prod/token.*secretsmanager:GetSecretValue"):
        await manager.read(Reference("aws:prod/token"))


async def test_what_is_typed_is_kept_and_found_by_its_version(manager: SecretsManager) -> None:
    first = await manager.keep("token", TYPED, "V1/h/token")
    second = await manager.keep("token", SecretStr("another one"), "V2/h/token")
    assert first.name == second.name == "runbook-bot/token"
    assert await manager.value(first) == TYPED.get_secret_value()
    assert await manager.value(second) == "another one"
    assert REDACTOR.text(TYPED.get_secret_value()) == "[secret runbook-bot/token]"


async def test_what_came_twice_is_kept_once(manager: SecretsManager, world: AwsWorld) -> None:
    first = await manager.keep("token", TYPED, "V1/h/token")
    assert await manager.keep("token", TYPED, "V1/h/token") == first
    with pytest.raises(Refused):
        await manager.keep("token", SecretStr("another under the same key"), "V1/h/token")
    assert await manager.value(first) == TYPED.get_secret_value()


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue"])
async def test_after_a_lost_answer_nothing_is_repeated_and_keeping_it_again_is_safe(
    manager: SecretsManager, world: AwsWorld, operation: str
) -> None:
    if operation == "PutSecretValue":
        await manager.keep("token", SecretStr("an older one"), "V0")
    world.faults.lose_response("secretsmanager", operation)
    with pytest.raises(Unreachable):
        await manager.keep("token", TYPED, "V1/h/token")
    assert [one.operation for one in world.calls].count(operation) == (
        1 if operation == "CreateSecret" else 2
    )
    again = await manager.keep("token", TYPED, "V1/h/token")
    assert await manager.value(again) == TYPED.get_secret_value()


async def test_a_version_that_is_not_there_is_refused_by_its_name(
    manager: SecretsManager,
) -> None:
    with pytest.raises(Refused, match="secret:runbook-bot/none"):
        await manager.value(Secret(name="runbook-bot/none", version="0" * 32))


async def test_the_key_that_aws_is_called_with_is_known_to_the_redactor(
    calls: AwsCalls,
) -> None:
    assert REDACTOR.holds("it is not-a-secret")
