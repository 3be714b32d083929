"""The three ways to say what is to be changed: two kinds of merge, and a list of operations."""

from collections.abc import Sequence
from typing import Any

from sandbox.peers.kubernetes.answers import KubeError

#: Of each list in an object that is merged by a field of its items, that field.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "ports": "containerPort",
    "conditions": "type",
}


def merged(there: Any, patch: Any) -> Any:
    """RFC 7386: lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    made = dict(there) if isinstance(there, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def strategically_merged(there: Any, patch: Any, of: str = "") -> Any:
    """Lists whose items have a name are merged item by item."""
    if isinstance(patch, dict):
        made = dict(there) if isinstance(there, dict) else {}
        for name, value in patch.items():
            if name.startswith("$"):
                continue
            if value is None:
                made.pop(name, None)
            else:
                made[name] = strategically_merged(made.get(name), value, name)
        return made
    if isinstance(patch, list) and of in MERGE_KEYS and isinstance(there, list):
        return _items_merged(there, patch, MERGE_KEYS[of])
    return patch


def _items_merged(there: list[Any], patch: list[Any], key: str) -> list[Any]:
    made = list(there)
    for item in patch:
        at = next((n for n, one in enumerate(made) if one.get(key) == item.get(key)), None)
        if at is None:
            made.append(item)
        elif item.get("$patch") == "delete":
            made.pop(at)
        else:
            made[at] = strategically_merged(made[at], item)
    return made


def operated(there: Any, operations: Any) -> Any:
    """RFC 6902, as far as kubectl uses it. Raises KubeError 422 and 500, as the real one does."""
    if not isinstance(operations, list):
        raise KubeError(500, "", "Invalid JSON Patch")
    for one in operations:
        path = [_unescaped(step) for step in one["path"].split("/")[1:]]
        _operate(there, one["op"], path, one.get("value"))
    return there


def _operate(there: Any, what: str, path: Sequence[str], value: Any) -> None:
    *above, last = path
    for step in above:
        there = there[int(step) if isinstance(there, list) else step]
    known = there.get(last) if isinstance(there, dict) else there[int(last)]
    if what == "test" and known != value:
        says = "the server rejected our request due to an error in our request"
        raise KubeError(422, "Invalid", says, {})
    if what == "remove":
        del there[last]
    elif what in ("add", "replace"):
        there[last] = value


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


MERGES = {
    "application/merge-patch+json": merged,
    "application/strategic-merge-patch+json": strategically_merged,
    "application/json-patch+json": operated,
}
