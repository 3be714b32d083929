"""
Calls that are told by method and path, such as Route 53's: which operation it is, and with what.

Only of the services that are answered here; moto reads its own.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

#: By boto3's names.
ANSWERED_HERE = frozenset({"route53"})
PLACE = re.compile(r"\\\{(\w+)\\?\+?\\\}")


def operation_at(service: str, method: str, path: str) -> tuple[str, Mapping[str, str]] | None:
    """The operation's name, and what its path says; None: it is of another service, or none."""
    if service not in ANSWERED_HERE:
        return None
    for name, wanted, pattern in _operations(service):
        found = pattern.fullmatch(path.rstrip("/")) if wanted == method else None
        if found:
            return name, found.groupdict()
    return None


@cache
def _operations(service: str) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    return tuple(_read(service))


def _read(service: str) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    from moto.core.utils import get_service_model

    model: Any = get_service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.escape(http["requestUri"].split("?")[0].rstrip("/"))
        yield name, http["method"], re.compile(PLACE.sub(r"(?P<\1>[^/]+)", path))
