"""
One bot that begins: `python -m tests.store.opening URL` says when it is ready, opens the store
once it is told to, and says whether it was the one that moved the schema.
"""

import asyncio
import logging
import sys

from bot.store.store import Store


class Moves(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


async def begin(url: str) -> None:
    moves, log = Moves(), logging.getLogger("bot.store.migrate")
    log.addHandler(moves)
    log.setLevel(logging.INFO)
    print("ready", flush=True)
    sys.stdin.readline()
    store = Store(url)
    await store.open()
    print(f"open {moves.count}", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(begin(sys.argv[1]))
