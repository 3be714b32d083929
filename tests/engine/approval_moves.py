"""
The moves of the approval machine, as data: what may be done next, and by whom. Most of them are by
people who may; a few are by anybody else. What is shown first is what is tried first.
"""

from typing import Literal, NamedTuple

from hypothesis import strategies as st

from tests.engine.approval_book import NEEDS
from tests.engine.approval_ledger import Deed
from tests.engine.approval_town import CHANGES, PEOPLE
from tests.engine.approval_world import COLORS, EXPIRES_S, FATES, GONE, LAMPS, Fate

STEPS = tuple(NEEDS)
ABLE = ("U1", "U2", "U3", "U5", "U6")
#: Who is somebody to a request; not by their ids.
CLOSE = (
    "who may", "who asked", "who asked, by another account", "who agreed",
    "who agreed, by another account",
)  # fmt: skip
#: Between the last yes and the first call.
INTERFERENCES = (
    "nothing", "one human", "too late", "tampered", "cancelled", "nobody answers", "killed",
    "frozen", "frozen at the door", "stopped", "stopped at the door", "stopped at the door",
    "nothing", "nothing", *CHANGES,
)  # fmt: skip
WISHES = (
    "request", "request", "request", "undo", "resolve", "pick", "again", "close", "cancel",
    "freeze", "freeze", "thaw", "thaw",
)  # fmt: skip
PRESSED = (
    "until all are approved", "any", "any", "any", "any", "any", "two at once", "two at once",
    "stopped meanwhile", "over", "strange", "again", "again twice",
)  # fmt: skip
FIRST = (
    "nothing", "nothing", "nothing", "agreed", "agreed", "broken", "too late", "tampered",
)  # fmt: skip
DEEDS: tuple[Deed, ...] = (
    "yes", "yes", "yes", "no", "broken glass", "broken glass", "review", "review",
)  # fmt: skip
#: What is said with it: enough, too little, and nothing.
REASONS = ("nobody else is awake now", "because", "", "  ")
BUT = ((), ("by",), ("by",), ("by",), ("typed",), ("reason",), ("by", "typed", "reason"))
DISTURBED = (
    "time", "time", "time", "clock", "weather", "drift", "drift", "hide", "tamper", "directory",
    "linked", "linked", "as before", *CHANGES,
)  # fmt: skip

WHICH = st.integers(0, 5)
#: Seconds until the next move.
MOMENTS = st.sampled_from((0.0, 0.0, 0.001, 0.003, 0.01, 0.1, 1.0, 7.0))
ANYBODY = st.sampled_from((*ABLE, *ABLE, *PEOPLE))
WEATHER = st.lists(st.sampled_from(FATES), max_size=3)


class Carry(NamedTuple):
    """
    Somebody picks, others approve (or one breaks the glass, though changes may be stopped); then
    something else, so long after it, before it is made. `held`: until then nobody is judged again.
    """

    through: Literal["consent", "glass"]
    held: bool
    then: str
    after: float
    which: int
    by: str
    step: str
    fates: list[Fate]
    on_replica: bool
    moment: float


class Ask(NamedTuple):
    """Of a run, whether it waits for that or not."""

    what: str
    which: int
    by: str
    step: str
    moment: float


class Press(NamedTuple):
    """
    A button of a request, perhaps after something else; if there is no request, somebody asks
    for one. All is right `but` these.
    """

    what: str
    asker: str
    step: str
    which: int
    by: str
    other: str
    does: Deed
    other_does: Deed
    but: tuple[str, ...]
    typed: str
    reason: str
    first: str
    on_replica: bool
    moment: float


class Disturb(NamedTuple):
    """The world, the town, the clock, the store."""

    what: str
    which: int
    who: str
    other: str
    lamp: str
    value: str
    fates: list[Fate]
    seconds: float
    clock: float
    moment: float


class Lose(NamedTuple):
    """The bot; perhaps while somebody presses."""

    how: str
    pressing: bool
    does: Deed
    after: float
    works: float
    moment: float


Move = Carry | Ask | Press | Disturb | Lose
CARRIED = st.builds(
    Carry,
    through=st.sampled_from(("consent", "consent", "consent", "glass")),
    held=st.booleans(),
    then=st.sampled_from(INTERFERENCES),
    after=MOMENTS,
    which=WHICH,
    by=st.sampled_from(ABLE),
    step=st.sampled_from(STEPS),
    fates=WEATHER,
    on_replica=st.booleans(),
    moment=MOMENTS,
)
ASKED = st.builds(
    Ask,
    what=st.sampled_from(WISHES),
    which=WHICH,
    by=ANYBODY,
    step=st.sampled_from((*STEPS, *STEPS, "color", "watts", "proof")),
    moment=MOMENTS,
)
PRESSES = st.builds(
    Press,
    what=st.sampled_from(PRESSED),
    asker=st.sampled_from(ABLE),
    step=st.sampled_from(STEPS),
    which=WHICH,
    by=st.sampled_from((*CLOSE, *CLOSE, *PEOPLE)),
    other=st.sampled_from((*CLOSE, *CLOSE, *ABLE)),
    does=st.sampled_from(DEEDS),
    other_does=st.sampled_from(DEEDS),
    but=st.sampled_from(BUT),
    typed=st.sampled_from(("right", "wrong", "wrong", "")),
    reason=st.sampled_from(REASONS),
    first=st.sampled_from(FIRST),
    on_replica=st.booleans(),
    moment=MOMENTS,
)
DISTURBANCES = st.builds(
    Disturb,
    what=st.sampled_from(DISTURBED),
    which=WHICH,
    who=ANYBODY,
    other=ANYBODY,
    lamp=st.sampled_from(LAMPS),
    value=st.sampled_from((*COLORS, "red", GONE, "40", "60")),
    fates=WEATHER,
    seconds=st.sampled_from((0.5, 3.0, 20.0, 90.0)),
    clock=st.sampled_from((EXPIRES_S + 1, EXPIRES_S - 1, 3600.0, -5.0, -600.0, 86_400.0)),
    moment=MOMENTS,
)
LOSSES = st.builds(
    Lose,
    how=st.sampled_from(("killed", "killed", "stopped", "frozen", "frozen")),
    pressing=st.booleans(),
    does=st.sampled_from(("yes", "yes", "broken glass")),
    after=MOMENTS,
    works=st.sampled_from((0.01, 0.3, 3.0, 8.0)),
    moment=MOMENTS,
)
#: How often each kind of move is made.
KINDS: tuple[st.SearchStrategy[Move], ...] = (
    *[CARRIED] * 5,
    *[PRESSES] * 5,
    *[ASKED] * 2,
    *[DISTURBANCES] * 3,
    LOSSES,
)
MOVES = st.sampled_from(KINDS).flatmap(lambda kind: kind)
