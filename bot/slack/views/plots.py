"""
A plot as a PNG: lines over time, and the limit that the verdict used.

Drawing takes a tenth of a second and more, so it is done in a thread. Each call has a figure
of its own: matplotlib's global one is not for threads.
"""

import io
from collections.abc import Iterator
from datetime import UTC
from itertools import cycle
from typing import TYPE_CHECKING, Any

from bot.runbook.findings import Plot
from bot.slack.views.escape import cut, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe and Ito's colours, told apart by the colour-blind; and dashes, for who sees none.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
LINES = 12  #: More cannot be told apart; the file of the step has them.
POINTS = 2000  #: Of one line: as many as there are pixels to draw them in.
INCHES = (8.0, 3.6)
DPI = 110


def draw(plot: Plot) -> bytes:
    """PNG. An empty plot says so."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw(axes, plot)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def alt_text(plot: Plot) -> str:
    """What the picture says, for who cannot see it."""
    lines = [
        f"{one_line(name)} from {points[0][1]:g} to {points[-1][1]:g}"
        for name, points in plot.lines.items()
        if points
    ]
    limit = f"; limit {plot.limit:g}" if plot.limit is not None else ""
    said = f"{one_line(plot.title)}, in {one_line(plot.unit)}: {'; '.join(lines) or 'no data'}"
    return cut(said + limit, 900)


def _draw(axes: "Axes", plot: Plot) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    shown = [(name, points) for name, points in plot.lines.items() if points][:LINES]
    looks = cycle(_looks())
    for name, points in shown:
        kept = thinned(points)
        times = [at.astimezone(UTC) for at, _ in kept]
        label = _literal(cut(one_line(name), 50))
        axes.plot(times, [value for _, value in kept], label=label, **next(looks))
    if plot.limit is not None:
        words = f"limit {plot.limit:g}"
        axes.axhline(plot.limit, color="#B00020", linestyle=(0, (6, 3)), label=words)
    left = len([points for points in plot.lines.values() if points]) - len(shown)
    more = f" ({left} more lines not shown)" if left else ""
    axes.set_title(_literal(cut(one_line(plot.title), 90) + more), loc="left", fontsize=11)
    axes.set_ylabel(_literal(cut(one_line(plot.unit), 40)))
    axes.grid(True, alpha=0.3)
    if not shown:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
        return
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel("UTC")
    axes.legend(loc="best", fontsize=8, frameon=False)


def _looks() -> Iterator[dict[str, Any]]:
    for dash in DASHES:
        for colour in COLOURS:
            yield {"color": colour, "linestyle": dash, "linewidth": 1.6}


def _literal(words: str) -> str:
    """Between dollars matplotlib reads mathematics, and it hides what an underscore begins."""
    shown = words.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def thinned(points: tuple[Any, ...]) -> tuple[Any, ...]:
    """
    For each stretch of many points its first, its lowest and its highest: no spike gets lost.
    """
    if len(points) <= POINTS:
        return points
    size = -(-len(points) * 3 // POINTS)
    kept: list[Any] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        by_value = (part[0], min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1]))
        kept += sorted(dict.fromkeys(by_value), key=lambda p: p[0])
    return (*kept, points[-1])
