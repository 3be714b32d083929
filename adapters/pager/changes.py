"""Waking somebody: whoever is on call, or those who must know of a breach."""

import shlex
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from adapters.plain import plain
from bot.runbook import CHANGE, Change

Whom = Literal["on-call", "leaders"]


def dedup_key(run: str, since: datetime) -> str:
    """
    What makes every page of one run the same open incident. With the time, as after a lost store
    an id may come again: an incident of back then would pass for the page of now.
    """
    return f"runbook-run:{run}/{int(since.timestamp())}"


class Page(Change):
    """Wakes whoever is on call. Made twice for one run, it is still one open incident."""

    effect = CHANGE
    ours = True
    repeatable = True

    run: str
    since: AwareDatetime  #: When the run was started.
    message: str
    services: tuple[str, ...] = ()  #: What it is about.
    severity: Literal["critical", "error", "warning", "info"] = "critical"
    whom: Whom = "on-call"

    def target(self) -> str:
        return f"pager/{self.run}{self._who}"

    def command(self) -> str:
        return f"page {self.whom} {shlex.quote(plain(self.message))}"

    @property
    def dedup_key(self) -> str:
        return dedup_key(self.run, self.since) + self._who

    @property
    def op(self) -> str:
        return f"{self.run}/page{self._who}"

    @property
    def _who(self) -> str:
        return "" if self.whom == "on-call" else f"/{self.whom}"
