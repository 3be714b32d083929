"""Label and field selectors."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.peers.kubernetes.answers import bad_request

FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "status.phase",
        "spec.nodeName",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "type",
    }
)
KEY = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
VALUE = r"[A-Za-z0-9._-]*"
EQUALS = re.compile(rf"({KEY})\s*(=|==|!=)\s*({VALUE})")
AMONG = re.compile(rf"({KEY})\s+(in|notin)\s+\(([^()]*)\)")
THERE = re.compile(rf"(!?)({KEY})")


def fits_labels(labels: Mapping[str, str], selector: str) -> bool:
    """Raises KubeError 400 for what is no selector."""
    return all(_fits(labels, part.strip()) for part in _parts(selector))


def _fits(labels: Mapping[str, str], part: str) -> bool:
    if found := EQUALS.fullmatch(part):
        key, sign, value = found.groups()
        return (labels.get(key) == value) == (sign != "!=")
    if found := AMONG.fullmatch(part):
        key, word, values = found.groups()
        among = labels.get(key) in [one.strip() for one in values.split(",")]
        return among == (word == "in")
    if found := THERE.fullmatch(part):
        return (found[2] in labels) == (not found[1])
    raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")


def fits_fields(found: Mapping[str, Any], selector: str) -> bool:
    """Raises KubeError 400 for a field that cannot be selected by."""
    return all(_fits_field(found, part) for part in _parts(selector))


def _fits_field(found: Mapping[str, Any], part: str) -> bool:
    name, sign, value = re.split(r"(!=|==|=)", part, maxsplit=1)
    if name not in FIELDS:
        raise bad_request(f"field label not supported: {name}")
    there: Any = found
    for step in name.split("."):
        there = there.get(step, {}) if isinstance(there, dict) else {}
    return ((there or "") == value) == (sign != "!=")


def _parts(selector: str) -> list[str]:
    """At the commas that are in no brackets."""
    return re.split(r",(?![^(]*\))", selector) if selector else []
