"""What an image tells of itself, as a program within it prints it, put together again."""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from adapters.migrations.facts import Script
from bot.runbook.errors import Unreachable

PIECE = re.compile(r"rb1 (\d{1,4}) (\d{1,4}) ([A-Za-z0-9+/=]+)\s*")
MOST_BYTES = 8_000_000
NOT_WHOLE = (
    "What the image tells of its migrations has not come whole: look at the log of its task, or"
    " try again."
)


@dataclass(frozen=True)
class Content:
    """`left_out`: how many scripts there are beyond. `behind`: what leads to where it stands."""

    scripts: tuple[Script, ...]
    left_out: int
    error: str  #: Why the image cannot tell.
    behind: frozenset[str]


@dataclass
class Told:
    """Pieces may come among whatever else is printed."""

    pieces: dict[int, str] = field(default_factory=dict)
    total: int = 0

    def hear(self, line: str) -> None:
        if found := PIECE.fullmatch(line):
            self.pieces[int(found[1])], self.total = found[3], int(found[2])

    def content(self) -> Content:
        """Raises Unreachable when it is not whole."""
        try:
            told = self._read()
            scripts = tuple(Script(**one) for one in _listed(told.get("scripts")))
            behind = frozenset(map(str, told.get("behind", ())))
            error = str(told.get("error", ""))[:300]
            return Content(scripts, int(told.get("left_out", 0)), error, behind)
        except (ValueError, TypeError, ValidationError, zlib.error):
            raise Unreachable(NOT_WHOLE) from None

    def _read(self) -> dict[str, Any]:
        if not self.total or set(self.pieces) != set(range(1, self.total + 1)):
            raise ValueError
        packed = base64.b64decode("".join(self.pieces[n] for n in sorted(self.pieces)))
        text = zlib.decompressobj().decompress(packed, MOST_BYTES)
        told = json.loads(text)
        if not isinstance(told, dict):
            raise ValueError
        return told


def _listed(scripts: object) -> Sequence[dict[str, Any]]:
    return scripts if isinstance(scripts, list) else []
