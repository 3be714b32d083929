"""A plot is a picture whatever was measured, and says in words what it shows."""

import concurrent.futures
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.runbook.findings import Plot
from bot.slack.views.plots import LINES, alt_text, draw, thinned
from tests.slack.views.sample import HOSTILE, T0, plot

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "drawn",
    [
        plot(),
        replace(plot(), lines={}, limit=None),
        replace(plot(), lines={"empty": ()}),
        replace(plot(), lines={"one": ((T0, 1.0),)}),
        replace(plot(), lines={"odd": ((T0, float("nan")), (T0, float("inf")))}),
        replace(plot(), lines={f"line {n}": ((T0, float(n)),) for n in range(LINES + 5)}),
        replace(plot(), title="costs $5 and $x_1$", unit="$\\frac"),
    ],
    ids=range(7),
)
def test_every_plot_is_a_picture(drawn: Plot) -> None:
    assert draw(drawn).startswith(PNG)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_drawn_as_it_is(malice: str) -> None:
    line = ((T0, 1.0), (T0 + timedelta(minutes=1), 2.0))
    assert draw(Plot(malice, malice, {malice: line, "_hidden": line})).startswith(PNG)


def test_plots_are_drawn_in_threads_side_by_side() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(draw, [plot()] * 6))
    assert len(set(pictures)) == 1


def test_a_spike_survives_thinning() -> None:
    points = [(T0 + timedelta(seconds=n), 1.0) for n in range(50_000)]
    points[31_337] = (points[31_337][0], 99.0)
    kept = thinned(tuple(points))
    assert len(kept) <= 2100
    assert max(value for _, value in kept) == 99.0
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)


def test_the_words_say_what_the_picture_shows() -> None:
    assert alt_text(plot()) == "Errors, in errors/min: complyai-core from 0 to 1; limit 5"
    assert "no data" in alt_text(replace(plot(), lines={}))
