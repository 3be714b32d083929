"""
What is refused at the door, before anybody knows who it is from, is written down: but whoever
floods the door must not fill the disk. So many entries a minute, and the rest as a number.
"""

import logging
import time
from collections.abc import Callable

from bot.slack.errands import Errand, Errands

log = logging.getLogger(__name__)

#: Entries a minute; what is more is counted in the next entry.
ENTRIES_A_MINUTE = 30
#: Writes one entry: why, who is said to have sent it or '', how many more there were before it.
Write = Callable[[str, str, int], Errand]


class TurnedAway:
    def __init__(
        self, write: Write, errands: Errands, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._errands, self._clock = write, errands, clock
        self._minute, self._noted, self._more = clock(), 0, 0

    def note(self, why: str, by: str = "") -> None:
        """`why` in words of ours, and at most an id of what was sent."""
        if self._clock() - self._minute >= 60:
            self._minute, self._noted = self._clock(), 0
        if self._noted >= ENTRIES_A_MINUTE:
            self._more += 1
            return
        self._noted += 1
        more, self._more = self._more, 0
        log.warning("turned away: %s%s", why, f" (and {more} more before)" if more else "")
        self._errands.run(self._write(why, by, more), "noting what was turned away")
