"""
How much of its limits Meta says is used, in the headers of its answers. They come only after some
calls, and only on calls that count: none on /me. A header that cannot be read is named, not passed
over.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from adapters.http_calls import UNREADABLE
from adapters.plain import plain
from bot.runbook import Facts, Table

APP, BUSINESS, ACCOUNT = "x-app-usage", "x-business-use-case-usage", "x-ad-account-usage"
SHARES = ("call_count", "total_time", "total_cputime")
MOST = 50


class Usage(Facts):
    """One limit."""

    of: str
    percent: float  #: 100 and more: calls fail.
    regain: timedelta | None = None  #: Until calls are let through again; None: they are.


class Headroom(Facts):
    """What is left of Meta's limits for one ad account."""

    account: str
    usages: tuple[Usage, ...] = ()
    unread: tuple[str, ...] = ()  #: Headers that cannot be read.
    limited: str = ""  #: Why calls fail just now, if they do.
    code: int | None = None  #: Meta's, of that.

    @property
    def percent(self) -> float | None:
        """The most used of all limits. None: Meta has told nothing that can be read."""
        return max((one.percent for one in self.usages), default=None)

    @property
    def regain(self) -> timedelta | None:
        return longest(self.usages)

    def says(self) -> str:
        wait = f"; {_minutes(self.regain)} until calls are let through" if self.regain else ""
        if self.limited:
            unsaid = "" if self.regain else "; Meta does not say for how long"
            return f"{self.account}: {self.limited}{wait}{unsaid}"
        if self.percent is None:
            odd = f" that can be read ({', '.join(self.unread)})" if self.unread else ""
            return f"{self.account}: Meta told nothing of its limits{odd}"
        worst = max(self.usages, key=lambda one: one.percent)
        return f"{self.account}: {worst.percent:g} % of {worst.of} is used{wait}"

    def table(self) -> Table:
        rows = ((self.account, one.of, f"{one.percent:g} %", one.regain) for one in self.usages)
        return Table(("Account", "Limit", "Used", "Regained in"), tuple(rows))


class Headrooms(Facts):
    """Of several ad accounts; one that could not be asked keeps none of the others."""

    accounts: tuple[Headroom, ...] = ()
    unread: tuple[str, ...] = ()  #: Why, by account.

    @property
    def limited(self) -> tuple[Headroom, ...]:
        return tuple(one for one in self.accounts if one.limited)

    @property
    def fullest(self) -> Headroom | None:
        """The one with the least room. None: Meta told nothing of its limits for any of them."""
        told = [one for one in self.accounts if one.percent is not None]
        return max(told, key=lambda one: one.percent or 0.0, default=None)

    def table(self) -> Table:
        rows = [row for one in self.accounts for row in one.table().rows]
        return Table(("Account", "Limit", "Used", "Regained in"), tuple(rows))


def longest(usages: tuple[Usage, ...]) -> timedelta | None:
    return max((one.regain for one in usages if one.regain), default=None)


def usages_in(headers: Mapping[str, str]) -> tuple[tuple[Usage, ...], tuple[str, ...]]:
    """Of headers with names in lower case: what they say, and which cannot be read."""
    found: list[Usage] = []
    unread: list[str] = []
    for name, read in ((APP, _app), (BUSINESS, _business), (ACCOUNT, _account)):
        if name in headers:
            try:
                found += read(json.loads(headers[name]))
            except (*UNREADABLE, TypeError, KeyError, AttributeError):
                unread.append(name)
    return tuple(found[:MOST]), tuple(unread)


def _app(told: Any) -> Iterator[Usage]:
    yield Usage(of="our app's calls", percent=_share(told))


def _business(told: Any) -> Iterator[Usage]:
    """By business, several kinds of use each. The time to regain is in minutes."""
    for business, uses in told.items():
        if not isinstance(uses, list):
            raise TypeError
        for use in uses:
            left = _finite(use.get("estimated_time_to_regain_access", 0))
            yield Usage(
                of=f"{plain(use['type'], 40)} of business {plain(business, 40)}",
                percent=_share(use),
                regain=timedelta(minutes=left) if left > 0 else None,
            )


def _account(told: Any) -> Iterator[Usage]:
    """The time until it begins anew is in seconds."""
    percent = _finite(told["acc_id_util_pct"])
    left = _finite(told.get("reset_time_duration", 0))
    is_over = percent >= 100 and left > 0
    regain = timedelta(seconds=left) if is_over else None
    yield Usage(of="the ad account's calls", percent=percent, regain=regain)


def _share(told: Any) -> float:
    return max(_finite(told[name]) for name in SHARES if name in told)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number) or not 0 <= number <= 1_000_000:
        raise ValueError
    return number


def _minutes(left: timedelta | None) -> str:
    assert left is not None
    return f"{math.ceil(left.total_seconds() / 60)} min"
