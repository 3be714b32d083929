"""
A section of a runbook, and the decorators that declare its steps.

Each decorator returns the function as it is, so that runbooks are tested by calling them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from bot.runbook.changes import Nothing, Plan
from bot.runbook.durations import seconds
from bot.runbook.errors import BookError
from bot.runbook.findings import Found, NotYet
from bot.runbook.questions import Question, Todo
from bot.runbook.step import Function, Gate, Kind, Mode, Timing, Until
from bot.runbook.values import RunbookInputs
from bot.runbook.wiring import gate_for, gives

if TYPE_CHECKING:
    from bot.runbook.book import Runbook

CHECK_LIMIT = seconds(30)

Functions = Function | tuple[Function, ...]
Now_Found = Found[Any] | Nothing | Awaitable[Found[Any] | Nothing]
Now_Watched = Found[Any] | NotYet[Any] | Nothing | Awaitable[Found[Any] | NotYet[Any] | Nothing]
Now_Planned = Plan[Any] | Nothing | Awaitable[Plan[Any] | Nothing]
Now_Asked = Question[Any] | Nothing | Awaitable[Question[Any] | Nothing]
Now_Mapped = RunbookInputs | Nothing | Awaitable[RunbookInputs | Nothing]

CheckF = TypeVar("CheckF", bound=Callable[..., Now_Found])
WatchF = TypeVar("WatchF", bound=Callable[..., Now_Watched])
ActionF = TypeVar("ActionF", bound=Callable[..., Now_Planned])
AskF = TypeVar("AskF", bound=Callable[..., Now_Asked])
ConfirmF = TypeVar("ConfirmF", bound=Callable[..., Todo | Nothing])
IncludeF = TypeVar("IncludeF", bound=Callable[..., Now_Mapped])


@dataclass(frozen=True)
class Section:
    book: Runbook
    key: str
    title: str
    mode: Mode
    holds: bool

    @property
    def on_demand(self) -> bool:
        """Its steps run only when a person picks an action of it."""
        return self.mode in ("pick", "standby")

    def check(
        self,
        title: str,
        *,
        limit: timedelta = CHECK_LIMIT,
        proves: Functions = (),
        about: str = "",
    ) -> Callable[[CheckF], CheckF]:
        """
        A step that reads. `proves`: it runs again after each of these actions. `about`: its topic,
        which it may share with checks of other books that look at the same: what one of them has
        told, the others do not tell as new.
        """

        def declare(run: CheckF) -> CheckF:
            self._add(run, "check", title, limit=limit, proves=_keys(proves), about=about)
            return run

        return declare

    def watch(
        self,
        title: str,
        *,
        every: timedelta,
        until: Until,
        lasting: timedelta,
        proves: Functions = (),
        about: str = "",
    ) -> Callable[[WatchF], WatchF]:
        """
        A check made again and again. `until="ok"` waits for something: ok or problem ends it, and
        time running out is a problem. `until="problem"` keeps an eye on something: only a problem
        ends it early, and when the time is up the worst that was seen is the verdict.
        """

        def declare(run: WatchF) -> WatchF:
            timing = Timing(every, until, lasting)
            self._add(run, "watch", title, timing=timing, proves=_keys(proves), about=about)
            return run

        return declare

    def action(
        self,
        title: str,
        *,
        suggested_by: Functions = (),
        reread: Functions = (),
        people: int | None = None,
        role: str = "operator",
        unattended: str | None = None,
        expires: timedelta | None = None,
    ) -> Callable[[ActionF], ActionF]:
        """
        A step that wants changes. One other person agrees to a CHANGE and two to a DESTROY, unless
        `people` asks for more. `reread`: checks that are made again after it besides what
        suggested it, to show what it did. `unattended` is the reason why nobody has to. `expires`:
        how long its plan can be decided; else as long as the settings say.
        """

        def declare(run: ActionF) -> ActionF:
            if (suggested_by or reread) and not self.on_demand:
                raise BookError(
                    f"{self._where(run)}: suggested_by and reread are for sections one picks from"
                )
            promised = gives(self._where(run), "action", run)
            gate = gate_for(self._where(run), promised, people, Gate(0, role, unattended, expires))
            after = {"suggested_by": _keys(suggested_by), "reread": _keys(reread)}
            self._add(run, "action", title, gate=gate, **after)
            return run

        return declare

    def ask(self, title: str, *, meanwhile: bool = False) -> Callable[[AskF], AskF]:
        """
        A question for a person. The function reads what there is to propose or choose from.
        With `meanwhile` the run goes on unanswered; only steps that need the answer wait.
        """

        def declare(run: AskF) -> AskF:
            self._add(run, "ask", title, meanwhile=meanwhile)
            return run

        return declare

    def confirm(self, title: str, *, meanwhile: bool = False) -> Callable[[ConfirmF], ConfirmF]:
        """
        Something only a person can do. The function says how; the person ticks it off. With
        `meanwhile` the run goes on, and does not end before it is ticked off.
        """

        def declare(run: ConfirmF) -> ConfirmF:
            if meanwhile and self.on_demand:
                raise BookError(f"{self._where(run)}: meanwhile is for what surely has its turn")
            self._add(run, "confirm", title, meanwhile=meanwhile)
            return run

        return declare

    def include(self, other: Runbook, title: str) -> Callable[[IncludeF], IncludeF]:
        """
        Another runbook, whole, as a step of this one. The function fills in its inputs; its name
        goes before the keys of the other's steps: `deploy.roll_out`.
        """

        def declare(run: IncludeF) -> IncludeF:
            if self.mode != "in order":
                raise BookError(f"{self._where(run)}: only a section in order includes a runbook")
            if gives(self._where(run), "include", run).result is not other.inputs:
                raise BookError(f"{self._where(run)} returns the inputs of {other.id}")
            self._add(run, "include", title, includes=other.id)
            self.book._nest(other, run.__name__, title)
            return run

        return declare

    def _add(self, run: Function, kind: Kind, title: str, **more: Any) -> None:
        self.book._add(self, run, kind, title, **more)

    def _where(self, run: Function) -> str:
        return f"{self.book.id}.{run.__name__}"


def _keys(functions: Functions) -> tuple[str, ...]:
    named = functions if isinstance(functions, tuple) else (functions,)
    return tuple(function.__name__ for function in named)
