"""The Home tab: what runs, what needs somebody, and what ran lately."""

from collections.abc import Sequence

from bot.access.acts import Frozen
from bot.engine.record import OpenReview, RunRecord
from bot.slack.views import limits, names
from bot.slack.views.ephemeral import run_line
from bot.slack.views.freezes import freeze_lines
from bot.slack.views.glass import open_lines, run_mark
from bot.slack.views.kit import View, actions, button, context, header, plain, rich, section, text
from bot.slack.views.limits import Block, fit_blocks
from bot.slack.views.sections import line, unwell
from bot.slack.views.words import count

RUNNING = 10
RECENT = 10
WRONG = 2  #: Findings shown of each run.


def home(
    running: Sequence[RunRecord],
    recent: Sequence[RunRecord],
    frozen: Sequence[Frozen] = (),
    reviews: Sequence[OpenReview] = (),
) -> View:
    blocks = [
        header("Runbooks"),
        *actions([button("Show the catalogue", names.CATALOGUE, "all", style="primary")]),
        *freeze_lines(frozen),
        *open_lines(reviews),
        header("Running now"),
        *_running(running),
        header("Lately"),
        *_recent([run for run in recent if run.ended_at]),
    ]
    return {"type": "home", "blocks": fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW)}


def _running(runs: Sequence[RunRecord]) -> list[Block]:
    if not runs:
        return [section(plain("Nothing runs.", 100))]
    blocks: list[Block] = []
    for run in runs[:RUNNING]:
        wrong = [[text(line(step, run)[:300])] for step in list(unwell(run))[:WRONG]]
        waits = [[text(f"Waits for: {', '.join(_waits_for(run))}")]] if _waits_for(run) else []
        blocks.append(rich(run_line(run), *run_mark(run), *wrong, *waits))
        blocks += actions([button(f"Show {run.id}", names.SHOW_RUN, run.id, run.id)])
    if (more := len(runs) - RUNNING) > 0:
        blocks.append(context(plain(f"and {count(more, 'more run')}", 100)))
    return blocks


def _waits_for(run: RunRecord) -> list[str]:
    waiting = [one for one in run.approvals.values() if one.status == "pending"]
    found = [count(len(waiting), "approval")] if waiting else []
    found += [count(len(run.questions), "answer")] if run.questions else []
    found += ["somebody to say go on"] if run.held else []
    return found + (["somebody to pick what applies"] if run.open_pick else [])


def _recent(runs: Sequence[RunRecord]) -> list[Block]:
    if not runs:
        return [section(plain("Nothing ran yet.", 100))]
    lines = [line for run in runs[:RECENT] for line in (run_line(run), *run_mark(run))]
    return [rich(*lines)]
