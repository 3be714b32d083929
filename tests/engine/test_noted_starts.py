"""A start that was acknowledged is in the store until it is begun or its refusal was told."""

from datetime import timedelta
from pathlib import Path

from bot.engine.desk import EngineDesk
from bot.engine.intents import Noted, Refusal, Started, StartRun
from bot.engine.record import Origin
from tests.engine.small_world import DANA, VERA, living_bot

INTENT = StartRun("RB-T-001", {"lamp": "hall"}, DANA, Origin("C1", "general"), "k1", dry=True)


async def test_what_was_noted_is_there_in_the_next_life_as_it_was(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        assert isinstance(await bot.desk.note_start(INTENT), Noted)
    async with living_bot(tmp_path) as bot:
        (noted,) = await bot.desk.noted_starts()
        assert noted.intent == INTENT
        assert timedelta() <= noted.waited < timedelta(minutes=1)


async def test_what_is_begun_is_noted_no_more(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        await bot.desk.note_start(INTENT)
        assert isinstance(await bot.desk.start_run(INTENT), Started)
        assert not await bot.desk.noted_starts()


async def test_noted_again_after_it_was_begun_it_is_the_same_run(tmp_path: Path) -> None:
    async with living_bot(tmp_path) as bot:
        begun = [await _note_and_start(bot.desk) for _ in range(2)]
        assert begun[0].run_id == begun[1].run_id
        assert [one.is_new for one in begun] == [True, False]
        assert not await bot.desk.noted_starts()


async def test_a_refused_start_stays_until_its_person_was_told(tmp_path: Path) -> None:
    vera = StartRun("RB-T-001", {}, VERA, Origin("C1", "general"), "k2")
    async with living_bot(tmp_path) as bot:
        await bot.desk.note_start(vera)
        assert isinstance(await bot.desk.start_run(vera), Refusal)
        assert len(await bot.desk.noted_starts()) == 1
        await bot.desk.forget_start("k2")
        assert not await bot.desk.noted_starts()


async def test_what_is_wrong_at_a_glance_is_not_noted(tmp_path: Path) -> None:
    wrong = StartRun("RB-T-001", {"lampe": "hall"}, DANA, Origin("C1", "general"), "k3")
    async with living_bot(tmp_path) as bot:
        refusal = await bot.desk.note_start(wrong)
        assert isinstance(refusal, Refusal) and "no such input" in refusal.fields["lampe"]
        assert not await bot.desk.noted_starts()


async def _note_and_start(desk: EngineDesk) -> Started:
    await desk.note_start(INTENT)
    started = await desk.start_run(INTENT)
    assert isinstance(started, Started)
    return started
