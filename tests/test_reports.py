"""Whatever a failing test said can be told to the process that prints it."""

import json
import warnings
from typing import Any

import pytest

from tests.hostile import MALICE

SAID = MALICE["half a pair"]


def _sent(config: pytest.Config, report: pytest.TestReport) -> dict[str, Any]:
    data: dict[str, Any] = config.hook.pytest_report_to_serializable(config=config, report=report)
    return data


def test_a_report_can_be_sent_whatever_the_test_said(request: pytest.FixtureRequest) -> None:
    report = pytest.TestReport(
        "tests/test_x.py::test_x", ("tests/test_x.py", 1, "test_x"), {SAID: 1}, "failed", SAID,
        "call", [("Captured stdout call", SAID)], user_properties=[(SAID, SAID)],
    )  # fmt: skip
    sent = _sent(request.config, report)
    assert json.dumps(sent, ensure_ascii=False).encode()
    assert r"\ud800 a\udfff\ud83d" in sent["longrepr"]


def test_a_warning_can_be_sent_whatever_it_says(request: pytest.FixtureRequest) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn(SAID, stacklevel=1)
    conftest = request.config.rootpath / "tests/conftest.py"
    plugin: Any = request.config.pluginmanager.get_plugin(str(conftest))
    plugin.pytest_warning_recorded(caught[0])
    assert str(caught[0].message).encode() == rb"\ud800 a\udfff\ud83d"
