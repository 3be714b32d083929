"""Work that is asked to stop says what became of it, however often it is asked."""

import asyncio

from bot.engine.runners.local import LocalRunner


async def test_what_is_asked_to_stop_twice_still_has_its_say() -> None:
    at_it, said = asyncio.Event(), asyncio.Event()

    async def execute(_work_id: str) -> None:
        try:
            at_it.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # as a transaction that writes down the end
            said.set()

    runner = LocalRunner()
    runner.launch(execute)
    runner.start(["w"])
    await at_it.wait()
    runner.cancel("w")
    await asyncio.sleep(0)
    runner.cancel("w")  # the echo of what other replicas were told
    async with asyncio.timeout(5):
        await said.wait()
