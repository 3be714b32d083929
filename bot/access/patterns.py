"""Patterns of the policy file: a `*` stands for any characters, slashes included, or for none."""

import re
from collections.abc import Iterable
from functools import lru_cache


def any_matches(patterns: Iterable[str], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)


def matches(pattern: str, text: str) -> bool:
    """The whole of it, and with the same capitals."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
