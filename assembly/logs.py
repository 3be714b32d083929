"""
The log, on standard error: a record is one line, whatever is said in it and whatever broke.

Whoever reads it, a person or a collector, takes each line for a record of its own; so nothing that
came from outside may begin one, colour it or hide in it. A traceback is on the line of its record,
its lines divided by `\\n`.
"""

import logging
from collections.abc import Callable
from typing import TextIO

from bot.runbook.terminal import written_out

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
LONGEST = 32_000  #: Characters of a record; collectors cut or split what is longer.


class OneLine(logging.Formatter):
    """`rewrites` are done in order, on the whole text of a record, before it is one line."""

    def __init__(self, *rewrites: Callable[[str], str]) -> None:
        super().__init__(FORMAT)
        self._rewrites = (*rewrites, written_out)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for rewrite in self._rewrites:
            text = rewrite(text)
        more = len(text) - LONGEST
        return text if more <= 0 else f"{text[:LONGEST]}... and {more:,} more characters"


def begin(stream: TextIO | None = None, *rewrites: Callable[[str], str]) -> None:
    """From now on everything that is logged goes there; None: to standard error."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine(*rewrites))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(
        logging.WARNING
    )  # bot/store/migrate.py says it in a line
