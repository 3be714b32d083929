"""What is shown with a finding, as JSON and back: cells become text or numbers once, here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.runbook.findings import Concern, Details, File, NextHop, Plot, Table


def details_as_json(details: Details) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    if table := details.get("table"):
        rows = [[cell_text(cell) for cell in row] for row in table.rows]
        stored["table"] = {"columns": list(table.columns), "rows": rows}
    if plot := details.get("plot"):
        lines = {
            name: [[at.timestamp(), value] for at, value in line]
            for name, line in plot.lines.items()
        }
        stored["plot"] = {
            "title": plot.title,
            "unit": plot.unit,
            "lines": lines,
            "limit": plot.limit,
        }
    if file := details.get("file"):
        stored["file"] = {"name": file.name, "text": file.text}
    if hops := details.get("next_hops"):
        stored["next_hops"] = [
            {"book": hop.book, "reason": hop.reason, "filled": dict(hop.filled)} for hop in hops
        ]
    if concerns := details.get("concerns"):
        stored["concerns"] = [[one.name, one.says, one.verdict] for one in concerns]
    return stored


def details_from_json(stored: Mapping[str, Any]) -> Details:
    details = Details()
    if table := stored.get("table"):
        rows = tuple(tuple(row) for row in table["rows"])
        details["table"] = Table(tuple(table["columns"]), rows)
    if plot := stored.get("plot"):
        from_epoch = datetime.fromtimestamp
        lines = {
            name: tuple((from_epoch(at, tz=UTC), value) for at, value in line)
            for name, line in plot["lines"].items()
        }
        details["plot"] = Plot(plot["title"], plot["unit"], lines, plot["limit"])
    if file := stored.get("file"):
        details["file"] = File(file["name"], file["text"])
    if hops := stored.get("next_hops"):
        details["next_hops"] = tuple(NextHop(**hop) for hop in hops)
    if concerns := stored.get("concerns"):
        details["concerns"] = tuple(Concern(*one) for one in concerns)
    return details


def cell_text(cell: object) -> str | int | float:
    """A cell of a table as it is stored and shown."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float | str):
        return cell
    if isinstance(cell, timedelta):
        return duration_text(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S} UTC"
    return str(cell)


def duration_text(duration: timedelta) -> str:
    """`340 ms`, `12 s`, `4 min`, `2 h 05 min`, `6 days`: the precision that people need."""
    seconds = duration.total_seconds()
    if seconds < 0:
        return f"-{duration_text(-duration)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        hours, rest = divmod(int(seconds), 3600)
        return f"{hours} h {rest // 60:02d} min"
    return f"{seconds / 86400:.0f} days"
