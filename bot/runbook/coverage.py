"""
Which line of the company's prose is carried out by which step.

The prose stands line by line in docs/prose/ID.toml, each with the step that carries it out, or
the steps that do so together. Where a step only offers another runbook, the line names that, too.
docs/coverage.md is generated from it and from the outline.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.runbook.errors import BookError
from bot.runbook.outline import Outline, StepOutline

#: What shows a line that is not a step: the card's symptoms, or the catalogue's entry.
SHOWN = {"when": "shown as a symptom", "index": "shown in the catalogue"}


@dataclass(frozen=True)
class Line:
    part: str
    prose: str
    keys: tuple[str, ...]  #: Of the steps; empty when it is only shown.
    carried_out: str  #: The steps' kinds, or how it is shown.


def coverage(outline: Outline, folder: Path) -> tuple[Line, ...]:
    """Raises BookError for a line that nothing carries out."""
    path = folder / f"{outline.book}.toml"
    if not path.exists():
        raise BookError(f"{path} is missing: write the prose of {outline.book} down, line by line")
    steps = {step.key: step for section in outline.sections for step in section.steps}
    stored = tomllib.loads(path.read_text())["line"]
    return tuple(_line(outline, one, steps) for one in stored)


def _line(outline: Outline, one: Mapping[str, Any], steps: Mapping[str, StepOutline]) -> Line:
    named, shown, offered = one.get("step", []), one.get("shown", ""), one.get("offers", "")
    keys = (named,) if isinstance(named, str) else tuple(named)
    if offered and offered not in outline.leads_to:
        raise BookError(f"{outline.book} leads nobody to {offered}, as '{one['prose']}' would")
    if keys and steps.keys() >= set(keys):
        kinds = ", ".join(steps[key].kind for key in keys)
        how = f"{kinds}: it offers {offered}" if offered else kinds
        return Line(one["part"], one["prose"], keys, how)
    if not keys and shown in SHOWN:
        return Line(one["part"], one["prose"], (), SHOWN[shown])
    missing = ", ".join(keys) or "no step named"
    raise BookError(f"{outline.book}: nothing carries out '{one['prose']}' ({missing})")


def coverage_text(outline: Outline, lines: tuple[Line, ...]) -> Iterator[str]:
    """The part of docs/coverage.md about one runbook."""
    yield f"## {outline.book} {outline.title}"
    yield ""
    yield f"{len(lines)} of {len(lines)} lines of the prose are carried out."
    yield ""
    yield "| part | line of the prose | step | kind |"
    yield "|---|---|---|---|"
    for line in lines:
        keys = ", ".join(f"`{key}`" for key in line.keys) or "-"
        prose = line.prose.replace("|", "\\|")
        yield f"| {line.part} | {prose} | {keys} | {line.carried_out} |"
    yield ""
