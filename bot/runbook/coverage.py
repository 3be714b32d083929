"""
Which line of the company's prose is carried out by which step.

The prose stands line by line in docs/prose/ID.toml, each with the step that carries it out;
docs/coverage.md is generated from it and from the outline.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.runbook.errors import BookError
from bot.runbook.outline import Outline, StepOutline

#: What shows a line that is not a step: the card's symptoms, or the catalogue's entry.
SHOWN = {"when": "shown as a symptom", "index": "shown in the catalogue"}


@dataclass(frozen=True)
class Line:
    part: str
    prose: str
    key: str  #: Of the step; empty when it is only shown.
    carried_out: str  #: The step's kind, or how it is shown.


def coverage(outline: Outline, folder: Path) -> tuple[Line, ...]:
    """Raises BookError for a line that nothing carries out."""
    path = folder / f"{outline.book}.toml"
    if not path.exists():
        raise BookError(f"{path} is missing: write the prose of {outline.book} down, line by line")
    steps = {step.key: step for section in outline.sections for step in section.steps}
    stored = tomllib.loads(path.read_text())["line"]
    return tuple(_line(outline.book, one, steps) for one in stored)


def _line(book: str, one: Mapping[str, str], steps: Mapping[str, StepOutline]) -> Line:
    key, shown = one.get("step", ""), one.get("shown", "")
    if key in steps:
        return Line(one["part"], one["prose"], key, steps[key].kind)
    if not key and shown in SHOWN:
        return Line(one["part"], one["prose"], "", SHOWN[shown])
    raise BookError(f"{book}: nothing carries out '{one['prose']}' ({key or 'no step named'})")


def coverage_text(outline: Outline, lines: tuple[Line, ...]) -> Iterator[str]:
    """The part of docs/coverage.md about one runbook."""
    yield f"## {outline.book} {outline.title}"
    yield ""
    yield f"{len(lines)} of {len(lines)} lines of the prose are carried out."
    yield ""
    yield "| part | line of the prose | step | kind |"
    yield "|---|---|---|---|"
    for line in lines:
        key = f"`{line.key}`" if line.key else "-"
        prose = line.prose.replace("|", "\\|")
        yield f"| {line.part} | {prose} | {key} | {line.carried_out} |"
    yield ""
