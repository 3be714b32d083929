"""
Reads a step's signature: what it asks for and what it gives.

Results of earlier steps are asked for by name, as a pytest test asks for a fixture; inputs, the
run, the findings so far and outside systems by type. The kind of the annotation says which of
the two it is, so there is never a doubt, and a wrong ask is a sentence at import.
"""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from bot.runbook.adapter import Adapter
from bot.runbook.changes import Change, Done, Nothing, Plan
from bot.runbook.company import Company
from bot.runbook.errors import BookError
from bot.runbook.findings import Findings, Found, NotYet
from bot.runbook.questions import Question, Todo
from bot.runbook.step import Function, Gate, Gives, Kind, Need, Source, Step
from bot.runbook.values import Answer, Facts, Run, RunbookInputs, Thresholds

BY_TYPE: dict[type, Source] = {Run: "run", Findings: "findings", Company: "company"}
RETURNS: dict[Kind, tuple[frozenset[type], str]] = {
    "check": (frozenset({Found}), "Found[SomeFacts]"),
    "watch": (frozenset({Found, NotYet}), "Watched[SomeFacts]"),
    "action": (frozenset({Plan}), "Plan[SomeChange]"),
    "ask": (frozenset({Question}), "Question[SomeAnswer]"),
    "confirm": (frozenset({Todo}), "Todo"),
    "include": (frozenset(), "the included runbook's inputs"),
}


class Own(NamedTuple):
    """What a book brings with it that its steps ask for by type."""

    inputs: type[RunbookInputs]
    thresholds: type[Thresholds] | None = None


def gives(where: str, kind: Kind, run: Function) -> Gives:
    """What the function's return annotation promises; refuses one that does not fit its kind."""
    alternatives = _alternatives(_hints(where, run).get("return", NoneType))
    or_nothing = Nothing in alternatives
    alternatives.discard(Nothing)
    origins = {get_origin(one) or one for one in alternatives}
    wanted, spelled = RETURNS[kind]
    if kind == "include":
        return Gives(result=alternatives.pop(), or_nothing=or_nothing)
    if origins != wanted:
        raise BookError(f"{where} is of kind {kind}: it returns {spelled}, or that | Nothing")
    if kind == "confirm":
        return Gives(or_nothing=or_nothing)
    inner = {arg for one in alternatives for arg in _alternatives(get_args(one)[0])}
    if kind == "action":
        return Gives(changes=_changes(where, inner), or_nothing=or_nothing)
    (given,) = inner
    return Gives(result=None if given is NoneType else given, or_nothing=or_nothing)


def needs(
    where: str,
    run: Function,
    own: Own,
    earlier: Mapping[str, Step],
) -> tuple[Need, ...]:
    """Where each parameter of the function comes from; refuses one that comes from nowhere."""
    hints = _hints(where, run)
    return tuple(
        _need(where, name, hints.get(name), own, earlier)
        for name in inspect.signature(run).parameters
    )


def gate_for(where: str, promised: Gives, people: int | None, asked: Gate) -> Gate:
    """
    Who must agree to what the step promises; refuses fewer `people` than its effect needs. Of
    `asked` everything else is taken.
    """
    assert promised.effect is not None
    least = promised.effect.people
    if asked.expires is not None and asked.expires <= timedelta(0):
        raise BookError(f"{where}: expires must be longer than nothing")
    if asked.unattended:
        foreign = [change.__name__ for change in promised.changes if not change.ours]
        if foreign:
            raise BookError(f"{where}: {', '.join(foreign)} needs approval, it is not only ours")
        return asked
    if people is not None and people < least:
        raise BookError(f"{where}: {promised.effect.name} needs {least}; a step may only ask more")
    return replace(asked, people=people or least)


def _need(where: str, name: str, hint: Any, own: Own, earlier: Mapping[str, Step]) -> Need:
    if hint is None:
        raise BookError(f"{where}: annotate {name}")
    alternatives = _alternatives(hint)
    optional = NoneType in alternatives
    alternatives.discard(NoneType)
    if len(alternatives) > 1:
        raise BookError(f"{where}: {name} has more than one type")
    (wanted,) = alternatives
    kind = get_origin(wanted) or wanted
    if name in earlier and not issubclass(kind, (Facts, Answer, Done)):
        raise BookError(f"{where}: {name} is the name of a step, but asks for {_name(wanted)}")
    if issubclass(kind, RunbookInputs):
        return _own(where, name, "inputs", kind, own.inputs)
    if issubclass(kind, Thresholds):
        return _own(where, name, "thresholds", kind, own.thresholds)
    if kind in BY_TYPE:
        return Need(name, BY_TYPE[kind], kind)
    if issubclass(kind, Adapter):
        return Need(name, "adapter", kind)
    if issubclass(kind, (Facts, Answer, Done)):
        _check_result(where, name, wanted, earlier)
        return Need(name, "result", kind, step=name, optional=optional)
    raise BookError(
        f"{where}: {name} asks for {_name(wanted)}. A step may ask for its inputs, its thresholds,"
        " Run, Findings, Company, an adapter, or by name for what an earlier step gives."
    )


def _own(where: str, name: str, source: Source, kind: type, has: type | None) -> Need:
    if kind is not has:
        raise BookError(f"{where} takes {_name(kind)}; this book has {_name(has)}")
    return Need(name, source, kind)


def _check_result(where: str, name: str, wanted: Any, earlier: Mapping[str, Step]) -> None:
    if name not in earlier:
        given_by = [key for key, step in earlier.items() if step.gives.result is wanted]
        hint = f" Did you mean {' or '.join(given_by)}?" if given_by else ""
        raise BookError(f"{where} asks for {name}; no earlier step is called that.{hint}")
    given = earlier[name].gives
    if given.changes:
        asked = _alternatives(get_args(wanted)[0]) if get_origin(wanted) is Done else set()
        if asked != set(given.changes):
            raise BookError(f"{where}: {name} gives Done[{_names(given.changes)}]")
    elif given.result is not wanted:
        promised = _name(given.result) if given.result else "nothing that can be asked for"
        raise BookError(f"{where}: {name} gives {promised}, not {_name(wanted)}")


def _changes(where: str, kinds: set[Any]) -> tuple[type[Change], ...]:
    if Change in kinds or not all(issubclass(kind, Change) for kind in kinds):
        raise BookError(f"{where}: name the exact changes in Plan[...]; the outline shows them")
    return tuple(sorted(kinds, key=_name))


def _hints(where: str, run: Function) -> dict[str, Any]:
    try:
        return get_type_hints(run)
    except NameError as error:
        raise BookError(f"{where}: {error.name} is not known in this file") from error


def _alternatives(hint: Any) -> set[Any]:
    return set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _names(kinds: tuple[type, ...]) -> str:
    return " | ".join(_name(kind) for kind in kinds)
