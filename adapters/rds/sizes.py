"""Classes of instances: which are larger, and whether an instance has got another one."""

import re
from collections.abc import Iterable

from adapters.aws_calls import Answer
from adapters.rds.changes import ModifyClass
from adapters.rds.reading import pending
from bot.runbook import Seen

CLASS = re.compile(r"(?P<family>db\.[a-z0-9-]+)\.(?P<size>[a-z0-9]+)")
SMALL = ("nano", "micro", "small", "medium", "large", "xlarge")
TIMES = re.compile(r"(\d+)xlarge")


def larger(now: str, offered: Iterable[str]) -> tuple[str, ...]:
    """Those of the same family, the next larger one first."""
    family, size = _parts(now)
    found = [(_parts(one), one) for one in offered]
    above = [(parts[1], one) for parts, one in found if parts[0] == family and parts[1] > size]
    return tuple(one for _, one in sorted(above)) if size else ()


def of_class(change: ModifyClass, instance: Answer) -> Seen:
    """What RDS says of the instance, for the sake of this change."""
    status, size = instance["DBInstanceStatus"], instance["DBInstanceClass"]
    now = f"{change.instance} is {status}, a {size}"
    if size == change.instance_class:
        return Seen("applied" if status == "available" else "applying", now)
    if size != change.replacing:
        return Seen("drifted", now)
    if status != "available":
        return Seen("applying", now)
    waits = pending(instance)
    if waits == change.also:
        return Seen("before", now)
    says = f"{now}; {'; '.join(waits) or 'nothing'} waits for it"
    is_accepted = f"DBInstanceClass: {change.instance_class}" in waits
    return Seen("applying" if is_accepted else "drifted", says)


def _parts(name: str) -> tuple[str, int]:
    """Its family, and a number that grows with its size; 0: that is not known."""
    found = CLASS.fullmatch(name)
    if not found:
        return "", 0
    family, size = found["family"], found["size"]
    if times := TIMES.fullmatch(size):
        return family, len(SMALL) + int(times[1])
    return family, SMALL.index(size) + 1 if size in SMALL else 0
