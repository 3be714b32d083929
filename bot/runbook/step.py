"""One step of a runbook, as declared. Everything the engine knows of it is in its outline."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from bot.runbook.changes import Change, Effect

Function = Callable[..., Any]
Kind = Literal["check", "watch", "action", "ask", "confirm", "include"]
Mode = Literal["in order", "together", "pick", "standby"]
Until = Literal["ok", "problem"]
#: How a run is told: by a card while it goes on; in one report at its end; in one report when
#: something has turned, if a schedule started it.
Speaks = Literal["as it goes", "once", "on change"]
Source = Literal["result", "inputs", "run", "findings", "company", "thresholds", "adapter"]


@dataclass(frozen=True)
class Need:
    """One parameter of a step's function, and where its value comes from."""

    name: str
    source: Source
    wanted: type
    step: str | None = None  #: The key of the step that gives it, for a result.
    optional: bool = False  #: `| None`: the step runs even when there is no such result.


@dataclass(frozen=True)
class Gives:
    """What later steps get when they ask for this step by its name."""

    result: type | None = None
    changes: tuple[type[Change], ...] = ()
    or_nothing: bool = False

    @property
    def effect(self) -> Effect | None:
        return max((change.effect for change in self.changes), default=None)


@dataclass(frozen=True)
class Gate:
    """Who must agree before an action's plan is applied."""

    people: int
    role: str
    unattended: str | None = None
    expires: timedelta | None = None  #: How long it can be decided; else as the settings say.


@dataclass(frozen=True)
class Timing:
    every: timedelta
    until: Until
    lasting: timedelta


@dataclass(frozen=True, kw_only=True)
class Step:
    key: str  #: The function's name. Never renamed or reused: a finished step stays finished.
    title: str  #: The sentence of the prose.
    kind: Kind
    section: str
    run: Function
    needs: tuple[Need, ...]
    gives: Gives
    limit: timedelta | None = None
    timing: Timing | None = None
    gate: Gate | None = None
    suggested_by: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    meanwhile: bool = False  #: An ask or confirm that the steps after it do not wait for.
    includes: str | None = None  #: The id of the runbook whose steps follow under this key.
    about: str = ""  #: Of a check: its topic. Checks of one topic tell a finding once.
