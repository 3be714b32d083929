"""
Who is who, as Slack and the policy say. It fails closed: what cannot be read is Unreachable,
never "has no role" and never what was true a while ago.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from bot.access.member import Member, humans
from bot.access.policy import RoleMembers
from bot.engine.clock import Clock
from bot.runbook.errors import Unreachable
from bot.slack.calls import Answer, Calls
from bot.slack.views.escape import cut, one_line

#: Seconds that an answer is good enough to decide by, and to show a name or a role by. Slack lets
#: us ask for the groups 20 times a minute: as one question about all of them that is 6 at most.
DECIDES_FOR_S, SHOWS_FOR_S = 10.0, 60.0
#: `is_stranger` is not said of another company's people who share a channel with us.
GUESTS = ("is_restricted", "is_ultra_restricted", "is_stranger")
LONGEST_NAME = 80  #: Slack says so; it is kept with what the person did.


class People:
    """
    `roles` by name; `aliases` are groups of user ids that are the same human. Implements
    bot.engine.intents.Directory.
    """

    def __init__(
        self,
        calls: Calls,
        roles: Mapping[str, RoleMembers],
        aliases: Iterable[Iterable[str]] = (),
        clock: Clock | None = None,
    ) -> None:
        self._reader = _Reader(calls, clock or Clock())
        self._roles = roles
        self._humans = humans(aliases)

    async def member(self, user_id: str) -> Member:
        """To decide by: at most 10 s old. Raises Unreachable."""
        return await self._member(user_id, DECIDES_FOR_S)

    async def shown(self, user_id: str) -> Member:
        """To show: at most a minute old. Raises Unreachable."""
        return await self._member(user_id, SHOWS_FOR_S)

    async def holders(self, role: str) -> Sequence[str]:
        """Everybody who has this role, each once; perhaps nobody. Raises Unreachable."""
        told = self._roles.get(role)
        if told is None:
            return ()
        members = await self._reader.groups(set(told.groups), SHOWS_FOR_S)
        found = (*told.users, *(one for group in told.groups for one in members[group]))
        return tuple(dict.fromkeys(found))

    async def _member(self, user_id: str, for_s: float) -> Member:
        named = {group for role in self._roles.values() for group in role.groups}
        user, members, team = await asyncio.gather(
            self._reader.user(user_id, for_s),
            self._reader.groups(named, for_s),
            self._reader.team(),
        )
        return Member(
            user_id=user_id,
            name=_name(user),
            roles=self._roles_of(user_id, members),
            is_active=not user.get("deleted", False),
            is_guest=any(user.get(what) for what in GUESTS) or not _is_of(user, team),
            is_bot=bool(user.get("is_bot") or user.get("is_workflow_bot"))
            or user_id == "USLACKBOT",
            same_human_as=self._humans.get(user_id, frozenset()) - {user_id},
        )

    def _roles_of(self, user_id: str, members: Mapping[str, Sequence[str]]) -> frozenset[str]:
        return frozenset(
            name
            for name, role in self._roles.items()
            if user_id in role.users or any(user_id in members[group] for group in role.groups)
        )


@dataclass
class _Read:
    """One question. Whoever asks while it is on its way waits for the same answer."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: Answer | None = None
    asked_at: float = 0.0  #: By the clock on the wall, which can be set;
    began_at: float = 0.0  #: and by the one that cannot, and stands while the machine sleeps.

    def age(self, clock: Clock) -> float:
        """In seconds, by the clock that says more. One that was set back makes nothing young."""
        by_wall = clock.now() - self.asked_at
        return max(by_wall, clock.monotonic() - self.began_at) if by_wall >= 0 else math.inf


class _Reader:
    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self._reads: dict[tuple[str, str], _Read] = {}

    async def user(self, user_id: str, for_s: float) -> Mapping[str, Any]:
        answer = await self._read("users.info", user_id, for_s, user=user_id)
        user = answer.get("user")
        if not isinstance(user, Mapping) or user.get("id") != user_id:
            raise _unreadable("users.info", user_id, "its answer is about somebody else")
        return user

    async def team(self) -> str:
        """The workspace that the bot serves."""
        answer = await self._read("auth.test", "the bot", SHOWS_FOR_S)
        return str(answer.get("team_id"))

    async def groups(self, named: Set[str], for_s: float) -> Mapping[str, Sequence[str]]:
        """Who is in each of these groups."""
        if not named:
            return {}
        answer = await self._read("usergroups.list", "the groups", for_s, include_users="true")
        found = {group.get("id"): group.get("users") for group in answer.get("usergroups") or ()}
        for group in sorted(named):
            if not isinstance(found.get(group), list):
                why = "its answer has no members of it; it may be disabled"
                raise _unreadable("usergroups.list", group, why)
        return {group: found[group] for group in named}

    async def _read(self, method: str, what: str, for_s: float, **asked: str) -> Answer:
        read = self._reads.setdefault((method, what), _Read())
        async with read.lock:
            if read.answer is not None and read.age(self._clock) <= for_s:
                return read.answer
            now, began = self._clock.now(), self._clock.monotonic()
            answer = await self._calls.call(method, **asked)
            if not answer["ok"]:
                raise _unreadable(method, what, str(answer.get("error", "no reason given")))
            read.answer, read.asked_at, read.began_at = answer, now, began
        self._forget_old()
        return answer

    def _forget_old(self) -> None:
        old = [
            key
            for key, read in self._reads.items()
            if not read.lock.locked() and read.age(self._clock) > SHOWS_FOR_S
        ]
        for key in old:
            del self._reads[key]


def _unreadable(method: str, what: str, why: str) -> Unreachable:
    return Unreachable(
        f"Slack did not say who {what} is ({method}: {why}), so nobody is let through on it."
        " Try again; if it stays so, whoever runs the bot should look at its settings and scopes."
    )


def _is_of(user: Mapping[str, Any], team: str) -> bool:
    """In an organisation somebody is at home in one workspace and a member of several."""
    organisation = user.get("enterprise_user") or {}
    return user.get("team_id") == team or team in (organisation.get("teams") or ())


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"))
    name = next((str(name) for name in names if name), str(user.get("name") or user["id"]))
    return cut(one_line(name), LONGEST_NAME) or str(user["id"])
