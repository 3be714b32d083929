"""
How much of Meta's limits is used: each call fills some buckets, which run dry by the clock. What
is over 100 % is refused until it is below again.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

APP, USER, ACCOUNT, BUSINESS = 4, 17, 613, 80004
CODES = (BUSINESS, ACCOUNT, USER, APP)
EVERYBODY = ""

MESSAGES: Mapping[int, tuple[str, int]] = {
    APP: ("(#4) Application request limit reached", 0),
    USER: ("(#17) User request limit reached", 2446079),
    ACCOUNT: ("(#613) Calls to this api have exceeded the rate limit.", 0),
    BUSINESS: (
        "(#80004) There have been too many calls to this ad-account. Wait a bit and try again.",
        2446079,
    ),
}


@dataclass
class Bucket:
    """`window_s`: in so many seconds 100 % run out of it."""

    window_s: float
    level: float = 0.0  #: In percent.
    at: float = 0.0

    def now(self, now: float) -> float:
        self.level = max(0.0, self.level - (now - self.at) * 100 / self.window_s)
        self.at = now
        return self.level

    def regain_s(self, now: float) -> float:
        return max(0.0, (self.now(now) - 100) * self.window_s / 100)


@dataclass
class Limits:
    """`a_call`: percent that one call fills. Buckets are by code and by whose calls count."""

    window_s: float = 3600.0
    a_call: float = 0.5
    _buckets: dict[tuple[int, str], Bucket] = field(default_factory=dict)

    def exhaust(self, code: int, minutes: float, now: float) -> None:
        """For everybody: calls are refused for so long."""
        bucket = self._bucket(code, EVERYBODY)
        bucket.now(now)
        bucket.level = 100 + minutes * 60 * 100 / self.window_s

    def relax(self) -> None:
        self._buckets.clear()

    def count(self, whose: Mapping[int, str], now: float) -> int | None:
        """Counts a call. The code of the limit that refuses it; None: none does."""
        for code, key in whose.items():
            if self._level(code, key, now) >= 100:
                return code
        for code, key in whose.items():
            bucket = self._bucket(code, key)
            bucket.now(now)
            bucket.level += self.a_call
        return None

    def insist(self, code: int, now: float) -> None:
        """Called all the same: it takes longer then until calls are let through."""
        bucket = self._bucket(code, EVERYBODY)
        if bucket.now(now) >= 100:
            bucket.level += self.a_call

    def is_exhausted(self, codes: Iterable[int], now: float) -> bool:
        """For everybody."""
        return any(self._level(code, EVERYBODY, now) >= 100 for code in codes)

    def headers(self, whose: Mapping[int, str], now: float) -> dict[str, str]:
        app = math.floor(self._level(APP, whose[APP], now))
        used = {"call_count": app, "total_time": app // 2, "total_cputime": app // 3}
        told = {"x-app-usage": json.dumps(used)}
        if BUSINESS in whose:
            business = math.floor(self._level(BUSINESS, whose[BUSINESS], now))
            use = {
                "type": "ads_management",
                "call_count": business,
                "total_cputime": business // 4,
                "total_time": business // 2,
                "estimated_time_to_regain_access": self._regain_min(BUSINESS, whose, now),
                "ads_api_access_tier": "standard_access",
            }
            told["x-business-use-case-usage"] = json.dumps({whose[BUSINESS]: [use]})
        if ACCOUNT in whose:
            account = {
                "acc_id_util_pct": round(self._level(ACCOUNT, whose[ACCOUNT], now), 2),
                "reset_time_duration": self._regain_min(ACCOUNT, whose, now) * 60,
                "ads_api_access_tier": "standard_access",
            }
            told["x-ad-account-usage"] = json.dumps(account)
        return told

    def _regain_min(self, code: int, whose: Mapping[int, str], now: float) -> int:
        of_all = (self._bucket(code, key).regain_s(now) for key in (whose[code], EVERYBODY))
        return math.ceil(round(max(of_all), 3) / 60)

    def _level(self, code: int, key: str, now: float) -> float:
        return max(self._bucket(code, one).now(now) for one in (key, EVERYBODY))

    def _bucket(self, code: int, key: str) -> Bucket:
        return self._buckets.setdefault((code, key), Bucket(self.window_s))
