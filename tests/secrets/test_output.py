"""Nothing that this process writes for people has a secret in it, whoever writes it."""

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.secrets.output import TALKATIVE, guarded
from bot.secrets.redaction import REDACTOR, SHOWN

Capture = pytest.CaptureFixture[str]

VALUE, TOKEN = "correct-horse-battery-staple", "xoxb-2345678901-AbCdEfGhIjKl"
SECRETS = (VALUE, TOKEN)
SHOWN_VALUE = "[secret env:VALUE]"


@contextmanager
def written() -> Iterator[None]:
    """Guarded, with a log to standard error as the bot has it, of all there is to log."""
    REDACTOR.learn(VALUE, "env:VALUE")
    root = logging.getLogger()
    level = root.level
    with guarded():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)


def said(capsys: Capture) -> str:
    out, err = capsys.readouterr()
    assert not [one for one in SECRETS if one in out + err]
    return out + err


def fail() -> None:
    raise ValueError(f"could not log in with {VALUE}", {"token": TOKEN})


def test_what_is_printed_is_redacted(capsys: Capture) -> None:
    with written():
        print("it is", VALUE)
        sys.stdout.writelines(["and ", TOKEN, "\n"])
    assert said(capsys) == f"it is {SHOWN_VALUE}\nand {SHOWN}\n"


def test_a_log_line_is_redacted_with_its_arguments_and_its_trace(
    capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    with written():
        try:
            fail()
        except ValueError:
            logging.getLogger("any.library").exception("%s said %r", "peer", [VALUE])
        logging.getLogger("any").warning("here", stack_info=True)
    text = said(capsys)
    assert f"peer said ['{SHOWN_VALUE}']" in text
    assert "Traceback" in text and f"could not log in with {SHOWN_VALUE}" in text
    assert "Stack (most recent call last)" in text
    assert not [one for one in SECRETS if one in caplog.text + repr(vars(caplog.records[0]))]


def test_a_log_line_whose_arguments_do_not_fit_is_still_said(capsys: Capture) -> None:
    with written():
        logging.getLogger("any").error("%d of %s", VALUE)
    assert said(capsys) == "ERROR any %d of %s (its arguments do not fit)\n"


@pytest.mark.parametrize("name", [name for name in TALKATIVE if name != "httpx"])
def test_no_library_logs_what_it_sends_and_receives(
    capsys: Capture, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.NOTSET, name)  # Kubernetes' client quiets urllib3 for all of us.
    with written():
        logging.getLogger(f"{name}.wire").debug("body: %s", "anything")
        logging.getLogger(f"{name}.wire").info("connected")
    assert said(capsys) == f"INFO {name}.wire connected\n"


def test_an_exception_that_nobody_caught_is_told_redacted_and_ends_with_status_1(
    capsys: Capture,
) -> None:
    with pytest.raises(SystemExit) as ended, written():
        fail()
    assert ended.value.code == 1
    assert f"could not log in with {SHOWN_VALUE}" in said(capsys)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_is_told_redacted(capsys: Capture) -> None:
    with written():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert f"could not log in with {SHOWN_VALUE}" in said(capsys)


def test_what_fails_where_nobody_can_catch_it_is_told_redacted(capsys: Capture) -> None:
    class Fails:
        def __del__(self) -> None:
            fail()

    with written():
        Fails()
    assert f"could not log in with {SHOWN_VALUE}" in said(capsys)


async def test_a_task_that_fails_unseen_is_told_redacted(capsys: Capture) -> None:
    error = ValueError(f"lost {VALUE}")
    with written():
        context = {"message": f"a task failed with {TOKEN}", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
    assert f"lost {SHOWN_VALUE}" in said(capsys)


def test_a_warning_is_redacted(capsys: Capture) -> None:
    with warnings.catch_warnings(), written():
        warnings.simplefilter("always")
        warnings.warn(f"do not use {VALUE}", stacklevel=1)
    assert f"do not use {SHOWN_VALUE}" in said(capsys)


def test_afterwards_all_is_as_it_was() -> None:
    before = (logging.getLogRecordFactory(), sys.excepthook, sys.stdout, threading.excepthook)
    with guarded():
        pass
    after = (logging.getLogRecordFactory(), sys.excepthook, sys.stdout, threading.excepthook)
    assert before == after
