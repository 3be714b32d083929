"""Somebody of the workspace."""

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
