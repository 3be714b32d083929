"""
What is taken back by itself, in the run's own memory; its rows are bot/engine/returning.py. Pure.
"""

from dataclasses import replace

from bot.engine.score import Score
from bot.engine.state import Event
from bot.engine.turns import ON_ITS_WAY, UNDO


def return_due(score: Score, event: Event) -> bool:
    """Beside whatever is under way: it was agreed to, and so was its time."""
    key, undo = event.about, event.about + UNDO
    busy = {score.run.status_of(key), score.run.status_of(undo)} & ON_ITS_WAY
    if key not in score.run.lent or busy:
        return False
    keep(score, key)
    score.run = score.run.with_step(undo, plans=0, by="", returns=True)
    score.call(undo)
    return True


def keep(score: Score, key: str) -> None:
    if key in score.run.lent:
        score.run = replace(score.run, lent=score.run.lent - {key})
        score.effect("keep", key)
