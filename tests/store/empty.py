"""An empty store that is there already, for tests of something else than its making."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from bot.store.store import Store


def empty_store(folder: Path) -> str:
    """The URL of the store in a folder: the one that is there, else an empty one."""
    file = folder / "bot.db"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(0o600)
        file.write_bytes(_as_made())
    return f"sqlite:///{file}"


@cache
def _as_made() -> bytes:
    """What a bot leaves behind that did nothing. Making it takes longer than most tests."""

    async def make(file: Path) -> None:
        store = Store(f"sqlite:///{file}")
        await store.open()
        await store.close()

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside_any_loop:
        file = Path(folder, "bot.db")
        beside_any_loop.submit(asyncio.run, make(file)).result()
        return file.read_bytes()
