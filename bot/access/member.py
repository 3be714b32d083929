"""Somebody of the workspace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """As the directory knows them now."""

    user_id: str
    name: str
    roles: frozenset[str]
    is_active: bool = True
    is_guest: bool = False
    is_bot: bool = False
    same_human_as: frozenset[str] = frozenset()  #: Other accounts of the same person.

    def is_same_human(self, user_id: str) -> bool:
        return user_id == self.user_id or user_id in self.same_human_as


def humans(aliases: Iterable[Iterable[str]]) -> Mapping[str, frozenset[str]]:
    """Every id with all ids of the same human; groups that share an id are one human."""
    found: dict[str, frozenset[str]] = {}
    for group in aliases:
        together = frozenset(group).union(*(found.get(one, frozenset()) for one in group))
        found.update(dict.fromkeys(together, together))
    return found
