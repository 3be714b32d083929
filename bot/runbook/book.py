"""
The language runbooks are written in.

Every step is a decorated function; its name is the step's key for ever, its title the sentence
of the prose. A *check* or *watch* reads and never changes anything. An *action* returns the plan
it wants and never makes it. An *ask* or *confirm* is for a person. Sections and steps stand in
the order of the prose. What is wrong with a book is said when it is imported.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from bot.runbook.cron import BadCron, read_cron
from bot.runbook.errors import BookError
from bot.runbook.findings import NextHop
from bot.runbook.nesting import nested
from bot.runbook.section import Section
from bot.runbook.step import Function, Kind, Mode, Need, Speaks, Step
from bot.runbook.values import RunbookInputs, Thresholds
from bot.runbook.wiring import Own, gives, needs

MenuF = TypeVar("MenuF", bound=Callable[..., Sequence[str] | Awaitable[Sequence[str]]])


@dataclass(frozen=True)
class Hop:
    """A link to another runbook. Calling it fills in what is known."""

    origin: str
    book: str
    reason: str
    fills: tuple[str, ...]

    def __call__(self, **filled: object) -> NextHop:
        if set(filled) != set(self.fills):
            raise BookError(f"{self.origin} -> {self.book} fills {', '.join(self.fills)}")
        return NextHop(self.book, self.reason, filled)


@dataclass(frozen=True)
class Menu:
    """What an input field may be, read while the start modal is open."""

    run: Function
    needs: tuple[Need, ...]


@dataclass(frozen=True, kw_only=True)
class Runbook:
    id: str
    title: str
    severity: str
    category: str
    inputs: type[RunbookInputs]
    thresholds: type[Thresholds] | None = None
    when: tuple[str, ...] = ()  #: "When to use" or "Symptoms".
    speaks: Speaks = "as it goes"
    schedule: str = ""  #: A cron, in the company's time zone: by which the bot starts it.
    #: A run speaks in the channel that it opens and nowhere else, and is shown to few.
    confidential: bool = False
    sections: dict[str, Section] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    hops: list[Hop] = field(default_factory=list)
    menus: dict[str, Menu] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.speaks not in get_args(Speaks):
            raise BookError(
                f"{self.id} speaks {self.speaks!r}: one of {', '.join(get_args(Speaks))}"
            )
        if not self.schedule:
            return
        try:
            read_cron(self.schedule, "UTC")
            self.inputs()
        except BadCron as error:
            raise BookError(f"{self.id}: {error}") from None
        except ValidationError:
            raise BookError(
                f"{self.id}: a schedule fills in nothing, so each of its inputs needs a default"
            ) from None

    def section(
        self,
        title: str,
        *,
        together: bool = False,
        pick: bool = False,
        standby: bool = False,
        holds: bool | None = None,
    ) -> Section:
        """
        Steps run in order, or `together`; with `pick` the run waits for a person to choose among
        the actions; with `standby` they are at hand all along, offered when suggested, and never
        in the way. `holds`: a problem or unknown here stops the run until a person says go on
        (so it is in order, unless said otherwise; never in a book that speaks once).
        """
        if together + pick + standby > 1:
            raise BookError(f"{self.id}, {title}: together, pick or standby, one of them")
        mode: Mode = (
            "together" if together else "pick" if pick else "standby" if standby else "in order"
        )
        usual = mode == "in order" and self.speaks == "as it goes"
        return self._section(title, mode, usual if holds is None else holds)

    def next_hop(self, book: str, reason: str, *, fills: tuple[str, ...] = ()) -> Hop:
        hop = Hop(self.id, book, reason, fills)
        self.hops.append(hop)
        return hop

    def choices(self, field_name: str) -> Callable[[MenuF], MenuF]:
        """A live menu for one field of the inputs. It may ask for adapters and the company."""

        def declare(run: MenuF) -> MenuF:
            where = f"{self.id}.{run.__name__}"
            if field_name not in self.inputs.model_fields:
                raise BookError(f"{where}: {self.inputs.__name__} has no field {field_name}")
            asked = needs(where, run, self._own, {})
            if any(need.source not in ("adapter", "company") for need in asked):
                raise BookError(
                    f"{where}: nothing has run yet, so only adapters and Company can be asked for"
                )
            self.menus[field_name] = Menu(run, asked)
            return run

        return declare

    def proofs(self, action: Step) -> tuple[str, ...]:
        """What runs after the action was applied, to see whether it helped."""
        said = tuple(step.key for step in self.steps.values() if action.key in step.proves)
        judging = said or action.suggested_by
        return (*judging, *(key for key in action.reread if key not in judging))

    @property
    def _own(self) -> Own:
        return Own(self.inputs, self.thresholds)

    def _section(self, title: str, mode: Mode, holds: bool) -> Section:
        section = Section(self, _slug(title), title, mode, holds)
        if section.key in self.sections:
            raise BookError(f"{self.id} has two sections called {title}")
        self.sections[section.key] = section
        return section

    def _nest(self, other: "Runbook", prefix: str, title: str) -> None:
        for section in other.sections.values():
            key = f"{prefix}.{section.key}"
            holds = section.holds and self.speaks == "as it goes"
            named = f"{title} > {section.title}"
            inner = replace(section, book=self, key=key, title=named, holds=holds)
            self.sections[key] = inner
        for step in other.steps.values():
            self.steps[f"{prefix}.{step.key}"] = nested(step, prefix)
        self.hops.extend(other.hops)

    def _add(self, section: Section, run: Function, kind: Kind, title: str, **more: Any) -> None:
        where = f"{self.id}.{run.__name__}"
        if run.__name__ in self.steps:
            raise BookError(f"{self.id} has two steps called {run.__name__}")
        step = Step(
            key=run.__name__,
            title=title,
            kind=kind,
            section=section.key,
            run=run,
            needs=needs(where, run, self._own, self.steps),
            gives=gives(where, kind, run),
            **more,
        )
        for mentioned in (*step.suggested_by, *step.reread, *step.proves):
            if mentioned not in self.steps:
                raise BookError(f"{where} mentions {mentioned}, which is no step of this book")
        for need in step.needs:
            if need.step:
                self._check_order(where, step, need, self.steps[need.step])
        self.steps[step.key] = step

    def _check_order(self, where: str, step: Step, need: Need, giver: Step) -> None:
        section = self.sections[giver.section]
        same = giver.section == step.section
        if same and section.mode == "together":
            raise BookError(f"{where} asks for {need.name}, but the two start together")
        surely = not section.on_demand or (same and giver.kind != "action")
        if not surely and not need.optional and step.proves != (giver.key,):
            raise BookError(
                f"{where} asks for {need.name}, which runs only if picked: add `| None`"
            )


def _slug(title: str) -> str:
    return "_".join(
        "".join(c for c in word if c.isalnum()) for word in title.lower().split()
    ).strip("_")
