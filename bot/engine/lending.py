"""
What is taken back by itself, in the run's own memory; its rows are bot/engine/returning.py. Pure.
"""

from dataclasses import replace

from bot.engine.score import Score
from bot.engine.state import Event
from bot.engine.turns import ON_ITS_WAY, UNDO


def return_due(score: Score, event: Event) -> bool:
    """
    Beside whatever is under way: it was agreed to, and so was its time. Its own action, paused,
    ends for it: to pause is not to have it for longer.
    """
    key, undo = event.about, event.about + UNDO
    is_paused = score.run.status_of(key) == "paused"
    at_it = {score.run.status_of(undo)} | ({score.run.status_of(key)} if not is_paused else set())
    if key not in score.run.lent or at_it & ON_ITS_WAY:
        return False
    if is_paused:
        score.effect("free", key)
        score.settle(key, "cancelled")
    keep(score, key)
    score.run = score.run.with_step(undo, plans=0, by="", returns=True)
    score.call(undo)
    return True


def lend(score: Score, key: str) -> None:
    score.run = replace(score.run, lent=score.run.lent | {key})
    score.effect("lend", key)


def keep(score: Score, key: str) -> None:
    if key in score.run.lent:
        score.run = replace(score.run, lent=score.run.lent - {key})
        score.effect("keep", key)
