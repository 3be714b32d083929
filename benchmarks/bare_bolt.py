"""
The floor of an acknowledgement: Bolt with the bot's own settings and a listener that only acks;
or, with a FILE, that first commits one row to that SQLite file, as durably as the bot does.

`python -m benchmarks.bare_bolt API_URL BOT_TOKEN APP_TOKEN [FILE]` runs until it is told to stop.
"""

import asyncio
import signal
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient


class Notes:
    """One thread, one commit for each row."""

    def __init__(self, file: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._rows = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self._rows.execute(f"pragma {pragma}")
        self._rows.execute("create table notes (key text primary key, body text)")

    async def keep(self, *row: str) -> None:
        insert = "insert into notes values (?, ?)"
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._rows.execute, insert, row)


async def run(api_url: str, bot_token: str, app_token: str, file: str = "") -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    client = AsyncWebClient(token=bot_token, base_url=api_url, retry_handlers=[])
    who = await client.auth_test()

    async def authorize(**_: object) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=who["team_id"],
            bot_user_id=who["user_id"],
            bot_id=who["bot_id"],
            bot_token=bot_token,
        )

    app = AsyncApp(client=client, authorize=authorize, process_before_response=True)

    notes = Notes(file) if file else None

    @app.command("/runbook")
    async def acknowledge(ack: AsyncAck, body: dict[str, str]) -> None:
        if notes:
            await notes.keep(body["trigger_id"], body["text"])
        await ack()

    handler = AsyncSocketModeHandler(app, app_token, web_client=client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await stop.wait()
    await handler.close_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
