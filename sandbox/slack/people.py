"""The people and user groups of the workspace, in the shapes users.* and usergroups.* answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.slack.wire import Json


@dataclass
class Person:
    id: str
    name: str  #: As in @name.
    real_name: str
    email: str
    title: str = ""
    is_guest: bool = False
    deleted: bool = False
    is_bot: bool = False
    is_admin: bool = False

    def shape(self, team_id: str, *, with_email: bool = True) -> Json:
        profile: Json = {
            "real_name": self.real_name,
            "display_name": self.name,
            "real_name_normalized": self.real_name,
            "display_name_normalized": self.name,
            "title": self.title,
            "team": team_id,
        }
        if with_email and not self.is_bot:
            profile["email"] = self.email
        user: Json = {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 0,
        }
        if self.deleted:
            return user
        return user | {
            "real_name": self.real_name,
            "tz": "Etc/UTC",
            "tz_label": "Coordinated Universal Time",
            "tz_offset": 0,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_guest,
            "is_ultra_restricted": False,
            "is_email_confirmed": True,
        }


@dataclass
class Group:
    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)
    disabled: bool = False

    def shape(self, team_id: str, *, with_users: bool) -> Json:
        group: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": 0,
            "date_update": 0,
            "date_delete": 1 if self.disabled else 0,
            "user_count": len(self.members),
        }
        return group | ({"users": list(self.members)} if with_users else {})


class People:
    def __init__(self) -> None:
        self.by_id: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}

    def add(self, person: Person, groups: Iterable[str] = ()) -> Person:
        self.by_id[person.id] = person
        for group_id in groups:
            self.groups[group_id].members.append(person.id)
        return person

    def add_group(self, group: Group) -> Group:
        self.groups[group.id] = group
        return group

    def with_email(self, email: str) -> Person | None:
        """Somebody active with this address."""
        wanted = email.casefold()
        here = (person for person in self.by_id.values() if not person.deleted)
        return next((person for person in here if person.email.casefold() == wanted), None)
