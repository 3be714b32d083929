"""Watches that look more often than their runbook says, for scenarios that cannot wait."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.runbook.durations import seconds
from bot.runbook.step import Timing
from commands import RUNBOOKS

EVERY = seconds(0.3)


def look_often(
    patch: pytest.MonkeyPatch, book: str, *keys: str, lasting: timedelta | None = None
) -> None:
    """
    `lasting` in the place of what the runbook says. A bot reads how often it looks as it starts,
    and for how long each time.
    """
    steps = RUNBOOKS[book].steps
    for key in keys:
        now = steps[key].timing
        assert now
        timing = Timing(EVERY, now.until, lasting or now.lasting)
        patch.setitem(steps, key, replace(steps[key], timing=timing))
