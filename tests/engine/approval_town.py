"""
The people around the house, for the approval machine: who they are now, which accounts are one and
the same human, and a log of every time that somebody asked.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.access.member import Member
from bot.engine.intents import Actor
from bot.runbook.errors import Refused, Unreachable

OPERATOR, DBA = frozenset({"operator", "responder"}), frozenset({"operator", "responder", "dba"})
#: Who may break the glass, look at it afterwards, and throw the stop switch.
BREAKER, REVIEWER = "security", "approver"
MAY_REVIEW, MAY_STOP = frozenset({REVIEWER, BREAKER}), frozenset({"operator", "responder", "dba"})
#: User id: name, roles, what is special about them.
WHO: dict[str, tuple[str, frozenset[str], str]] = {
    "U1": ("dana", DBA, ""),
    "U2": ("ravi", DBA, ""),
    "U3": ("lena", DBA | {REVIEWER}, ""),
    "U5": ("omar", DBA | {BREAKER}, ""),
    "U6": ("ines", OPERATOR | {BREAKER}, ""),
    "U9": ("dana's other account", DBA, ""),
    "UA": ("ravi's other account", DBA, ""),
    "UC": ("lena's other account", DBA | {REVIEWER}, ""),
    "U4": ("vera, a viewer", frozenset({"viewer"}), ""),
    "U7": ("guy, a guest", DBA, "is_guest"),
    "U8": ("fred, who left", DBA, "left"),
    "UB": ("a bot", DBA, "is_bot"),
    "UX": ("nobody", frozenset(), "unknown"),
}
PEOPLE = tuple(WHO)
SAME = {"U9": "U1", "UA": "U2", "UC": "U3"}
#: What may become of somebody, and become good again.
CHANGES = (
    "loses operator", "loses dba", "loses security", "leaves", "is a guest now", "is as before",
)  # fmt: skip


@dataclass(frozen=True)
class LookedUp:
    """Somebody asked who this is, and was told so; None: it could not be read."""

    number: int
    wall: float
    task: asyncio.Task[object] | None
    user_id: str
    member: Member | None


@dataclass
class Town:
    loop: asyncio.AbstractEventLoop
    story: Callable[[str], None]
    count: Callable[[], int]
    wall: Callable[[], float]
    members: dict[str, Member] = field(default_factory=dict)
    humans: dict[str, str] = field(default_factory=dict)  #: Who is behind an account.
    log: list[LookedUp] = field(default_factory=list)
    down_until: float = 0.0  #: By the loop.

    def __post_init__(self) -> None:
        self.is_as_before()

    def is_as_before(self) -> None:
        self.story("  everybody is as before")
        for user_id in PEOPLE:
            self._is_as_before(user_id)
            self.humans[user_id] = SAME.get(user_id, user_id)

    def goes_down(self, seconds: float) -> None:
        self.story(f"  the directory does not answer for {seconds:g} s")
        self.down_until = self.loop.time() + seconds

    def comes_back(self) -> None:
        self.down_until = 0.0

    def becomes(self, user_id: str, what: str) -> None:
        self.story(f"  {name(user_id)} {what}")
        self._is_as_before(user_id)
        was = self.members.get(user_id)
        if was is None:
            return
        self.members[user_id] = {
            "loses operator": replace(was, roles=was.roles - {"operator"}),
            "loses dba": replace(was, roles=was.roles - {"dba"}),
            "loses security": replace(was, roles=was.roles - {BREAKER}),
            "leaves": replace(was, is_active=False),
            "is a guest now": replace(was, is_guest=True),
        }.get(what, was)

    def _is_as_before(self, user_id: str) -> None:
        told, roles, special = WHO[user_id]
        if special != "unknown":
            self.members[user_id] = Member(
                user_id, told, roles, special != "left", special == "is_guest", special == "is_bot"
            )

    def link(self, one: str, other: str) -> None:
        self.story(f"  {name(one)} is found to be {name(other)}")
        old, new = self.humans[one], self.humans[other]
        self.humans |= {user: new for user, human in self.humans.items() if human == old}

    def now(self, user_id: str) -> Member | None:
        if user_id not in self.members:
            return None
        human = self.humans[user_id]
        same = {user for user, other in self.humans.items() if other == human} - {user_id}
        return replace(self.members[user_id], same_human_as=frozenset(same))

    def another_account(self, user_id: str) -> str:
        """Of the same human, if there is one."""
        human = self.humans[user_id]
        others = (u for u, h in self.humans.items() if h == human and u != user_id)
        return next(others, user_id)

    def look_up(self, user_id: str) -> Member:
        is_down = self.loop.time() < self.down_until
        member = None if is_down else self.now(user_id)
        task = asyncio.current_task()
        self.log.append(LookedUp(self.count(), self.wall(), task, user_id, member))
        if is_down:
            raise Unreachable("the directory does not answer")
        if member is None:
            raise Refused(f"there is no {user_id}")
        return member

    def by_task(self, task: object, before: int, after: int = 0) -> list[LookedUp]:
        """What this task was told, in order, between two moments."""
        return [one for one in self.log if one.task is task and after < one.number < before]

    def last(
        self, task: object, user_id: str, after: int, before: int | None = None
    ) -> LookedUp | None:
        """What this task was told of somebody last."""
        told = self.by_task(task, self.count() if before is None else before, after)
        return next((one for one in reversed(told) if one.user_id == user_id), None)


@dataclass(frozen=True)
class Window:
    """Where one bot asks; it waits there as long as it is frozen."""

    town: Town
    awake: asyncio.Event

    async def member(self, user_id: str) -> Member:
        await self.awake.wait()
        return self.town.look_up(user_id)


def actor(user_id: str) -> Actor:
    return Actor(user_id, "T1")


def name(user_id: str) -> str:
    return WHO[user_id][0]


def unfit(member: Member, role: str) -> str:
    """Why somebody does not do what this role does; ''."""
    if not is_let_in_at_all(member):
        return "they have left, or are a guest or a bot"
    return "" if role in member.roles else f"they have not the role {role}"


def is_let_in_at_all(member: Member) -> bool:
    return member.is_active and not member.is_guest and not member.is_bot


def is_same(member: Member, user_id: str) -> bool:
    return user_id == member.user_id or user_id in member.same_human_as
