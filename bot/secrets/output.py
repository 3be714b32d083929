"""
What this process writes for people who run it: its log, standard output, standard error, the trace
of an exception that nobody caught. `guarded` puts the redactor before all of them.

Log records are made clean when they are made, whatever is done with them later, and by whichever
library. Libraries that log what they send and receive never do so below INFO: an answer of a
secret store would be in the log before anybody has read, and so learnt, the secret in it.
"""

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TextIO, cast

from bot.secrets.redaction import REDACTOR

TALKATIVE = ("aiohttp", "asyncpg", "boto3", "botocore", "httpcore", "httpx", "s3transfer",
             "slack_bolt", "slack_sdk", "urllib3")  # fmt: skip


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """
    For as long as it lasts. Set up logging within, so that it uses the guarded streams. What is
    raised in it is told, and ends the process with status 1.
    """
    before, hook = logging.getLogRecordFactory(), sys.excepthook
    thread_hook, unraisable = threading.excepthook, sys.unraisablehook
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    logging.setLogRecordFactory(_clean_records(before))
    logging.captureWarnings(True)
    sys.excepthook = _tell
    threading.excepthook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)
    out, error = cast(TextIO, Guarded(sys.stdout)), cast(TextIO, Guarded(sys.stderr))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                yield
            except Exception as failure:  # Whoever is left would print it as it is.
                _tell(type(failure), failure, failure.__traceback__)
                raise SystemExit(1) from None
    finally:
        logging.setLogRecordFactory(before)
        logging.captureWarnings(False)
        sys.excepthook, sys.unraisablehook = hook, unraisable
        threading.excepthook = thread_hook


class Guarded:
    """A text stream; each text that is written to it is redacted by itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(REDACTOR.text(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _clean_records(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """The arguments and the exception of a record become text here; nobody gets at them later."""

    def clean(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = REDACTOR.text(_message(record)), None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = REDACTOR.text(trace(*record.exc_info))
        record.exc_info = None
        if record.stack_info:
            record.stack_info = REDACTOR.text(record.stack_info)
        return record

    return clean


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # logging itself would print the arguments to standard error.
        return f"{record.msg} (its arguments do not fit)"


def trace(
    kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
) -> str:
    return "".join(traceback.format_exception(kind, error, where)).rstrip("\n")


def _tell(
    kind: type[BaseException], error: BaseException | None, where: TracebackType | None
) -> None:
    print(REDACTOR.text(trace(kind, error, where)), file=sys.stderr)
