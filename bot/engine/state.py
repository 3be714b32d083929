"""The conductor's own memory of a run, the events that move it, and what it asks to be done."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from bot.engine.record import StepStatus

#: Somebody or something is still at it.
NOT_OVER = frozenset({"waiting", "working", "asked", "planned", "applying", "paused", "unsure"})
#: In a section that holds, these keep the run from going on until a person says so.
HOLDING = frozenset({"problem", "unknown", "blocked", "denied", "expired", "failed", "cancelled"})
#: Later steps can have its result.
HAS_RESULT = frozenset({"ok", "warning", "problem", "given"})
#: An action whose target moved is planned again by itself so often, and then stops.
PLANS_AT_MOST = 3

EventKind = Literal[
    "started",
    "returned",  # a step's function answered; outcome: see CALL_OUTCOMES
    # a plan was carried out; outcome: given | unsure | outdated | failed | cancelled | paused
    # | frozen
    "applied",
    "decided",  # a plan was judged; outcome: approved | glass broken | denied | expired
    "answered",  # outcome: '' | again | without, of a step that cannot be done or asked so now
    "resolved",  # a person said what an unsure change did; outcome: done | not done | stop
    "due",  # the next reading of a watch
    "picked",
    "undo",
    "return due",  # the time at which what was made is taken back by itself
    "again",
    "go on",
    "closed",  # nothing more is picked from a section; `about` is its key
    "cancelled",
    "paused",  # a person wants what is being applied to wait between two parts;
    "resumed",  # to go on;
    "stopped",  # or to end there
]
Wish = Literal["", "pause", "stop"]
CALL_OUTCOMES: Mapping[str, StepStatus] = {
    "ok": "ok",
    "warning": "warning",
    "problem": "problem",
    "unknown": "unknown",
    "nothing": "nothing",
    "mapped": "given",
    "failed": "failed",
    "gone": "failed",  # this version of the bot cannot do it; a person is asked but in a dry run
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class Event:
    """`attempt` is that of the step; an event of an earlier attempt is late and moves nothing."""

    kind: EventKind
    about: str = ""
    attempt: int = 0
    outcome: str = ""
    by: str = ""
    team: str = ""  #: The workspace of whoever did it.
    lends: bool = False  #: Of a plan that ended: what was made of it is taken back by itself.


@dataclass(frozen=True)
class StepState:
    status: StepStatus = "waiting"
    attempt: int = 0
    reading: int = 0  #: Of a watch: how many were begun in this attempt.
    naps: bool = False  #: Of a watch: it waits for its next reading.
    plans: int = 0  #: Of an action: how many were made since it was last begun by a person.
    by: str = ""  #: The person who asked for it; '': it came up by itself.
    returns: bool = False  #: Of an undo: it was approved together with what it takes back.
    wish: Wish = ""  #: Of what is being applied in parts: what a person wants of it, and who.
    wished_by: str = ""

    def as_json(self) -> dict[str, Any]:
        """
        Without what came later and is not so, so that a version that does not know it can read
        every other step.
        """
        unused = set() if self.wish else {"wish", "wished_by"}
        unused |= set() if self.returns else {"returns"}
        return {name: value for name, value in asdict(self).items() if name not in unused}


NOT_BEGUN = StepState()


@dataclass(frozen=True)
class Errand:
    """What is done out of turn, one after another, and then looked at to see whether it helped."""

    steps: tuple[str, ...]  #: An action, after what it needs to be read or asked first.
    proofs: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunState:
    status: Literal["new", "running", "cancelling", "finished", "cancelled"] = "new"
    dry: bool = False
    steps: Mapping[str, StepState] = field(default_factory=dict)
    waved: frozenset[str] = frozenset()  #: A person said to go on over these.
    closed: frozenset[str] = frozenset()
    errand: tuple[str, ...] = ()  #: What is left to do of the errand that is under way.
    proofs: tuple[str, ...] = ()  #: What runs after it was applied, to see whether it helped.
    later: tuple[Errand, ...] = ()  #: Errands that wait for this one to be over.
    #: Actions of which something is to be taken back by itself: no run ends before.
    lent: frozenset[str] = frozenset()

    def step(self, key: str) -> StepState:
        return self.steps.get(key, NOT_BEGUN)

    def status_of(self, key: str) -> StepStatus:
        return self.step(key).status

    def with_step(self, key: str, **changed: Any) -> "RunState":
        return replace(self, steps={**self.steps, key: replace(self.step(key), **changed)})

    @property
    def is_on_errand(self) -> bool:
        return bool(self.errand or self.proofs or self.later)

    def afresh(self, keys: Collection[str]) -> "RunState":
        """Waiting again. The attempts stay, so that what an earlier one reports is late."""
        run = self
        for key in keys:
            run = run.with_step(key, status="waiting")
        return replace(run, waved=run.waved - set(keys))

    def is_afresh(self, key: str) -> bool:
        """It was over once, and is to be done again."""
        step = self.step(key)
        return step.status == "waiting" and step.attempt > 0

    def holds(self, key: str) -> bool:
        return self.status_of(key) in HOLDING and key not in self.waved

    @property
    def is_over(self) -> bool:
        return self.status in ("finished", "cancelled")

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "steps": {key: step.as_json() for key, step in self.steps.items()},
            "waved": sorted(self.waved),
            "closed": sorted(self.closed),
            "lent": sorted(self.lent),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RunState":
        return cls(
            status=stored["status"],
            dry=stored["dry"],
            steps={key: StepState(**step) for key, step in stored["steps"].items()},
            waved=frozenset(stored["waved"]),
            closed=frozenset(stored["closed"]),
            errand=tuple(stored["errand"]),
            proofs=tuple(stored["proofs"]),
            lent=frozenset(stored.get("lent", ())),
            later=tuple(
                Errand(tuple(one["steps"]), tuple(one["proofs"])) for one in stored["later"]
            ),
        )


What = Literal[
    "call",
    "apply",
    "propose",
    "ask",
    "doubt",
    "tick",
    "stop",
    "close",
    "free",
    "vouch",
    "lend",
    "keep",
]


@dataclass(frozen=True)
class Effect:
    """
    What the conductor asks for, of one step at one attempt:

    call     call the step's function          apply    carry out its approved plan
    propose  ask people to approve its plan    ask      put its question to a person
    doubt    ask a person what happened        tick     call a watch again after its interval
    stop     stop the work that is out         close    nobody is waited for any more
    free     let go of the locks of its plan
    lend     take it back by itself at the time that its plan says
    keep     do not: it is taken back already, or about to be
    vouch    a person says that the change which was under way happened
    """

    what: What
    step: str
    attempt: int
    reading: int = 0
