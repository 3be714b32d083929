"""What holds in every test."""

import gc
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

from bot.secrets.redaction import REDACTOR

#: How long an example takes is the machine's affair.
hypothesis.settings.register_profile(
    "all", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "check", hypothesis.settings.get_profile("all"), max_examples=25
)


def pytest_configure(config: pytest.Config) -> None:
    """Who leaves out what is slow waits for the answer: a quarter of the examples, then."""
    if not config.getoption("hypothesis_profile"):
        in_haste = config.getoption("markexpr") == "not slow"
        hypothesis.settings.load_profile("check" if in_haste else "all")


def pytest_collection_finish() -> None:
    """What was imported is there to the end: nobody need look each time whether it is garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Half a pair of surrogates cannot be sent to the process that prints what failed."""
    return encodable((yield))


@pytest.hookimpl(tryfirst=True)
def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    if isinstance(warning_message.message, Warning):
        warning_message.message.args = encodable(warning_message.message.args)


def encodable(value: Any) -> Any:
    """The same, with `\\ud800` written out in each text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(encodable, value))
    return value


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: else one worker is at it while the others have nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """The redactor is the process's, and so knows the secrets of all tests before."""
    yield
    REDACTOR.forget()


@pytest.fixture(scope="module")
def forms_may_open_late() -> Iterator[None]:
    """Where a bot is real and its machine busy: how soon it answers is measured in benchmarks/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sandbox.slack.views.TRIGGER_LIVES_S", 60.0)
        yield


@pytest.fixture(autouse=True)
def the_head_of_the_audit_log_is_locked_last() -> Iterator[None]:
    """Two replicas would throw each other out otherwise: see bot/engine/audit.py."""
    late: list[str] = []
    here = object()  # A bot of several tests may be in a transaction that an earlier one has seen.

    def begin(connection: sa.Connection) -> None:
        connection.info.pop("head is locked", None)

    def look(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("savepoint"):  # the next of those that are committed together
            return begin(connection)
        if statement.startswith(("release", "rollback")):
            return
        if statement.startswith("UPDATE audit_head"):
            connection.info["head is locked"] = here
        elif connection.info.get("head is locked") is here and " audit" not in statement:
            late.append(statement)

    sa.event.listen(sa.Engine, "begin", begin)
    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "begin", begin)
        sa.event.remove(sa.Engine, "before_cursor_execute", look)
    assert not late, "a transaction went on after its note"
