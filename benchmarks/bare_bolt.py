"""
The floor of an acknowledgement: Bolt with the bot's own settings and a listener that only acks.

`python -m benchmarks.bare_bolt API_URL BOT_TOKEN APP_TOKEN` runs until it is told to stop.
"""

import asyncio
import signal
import sys

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient


async def run(api_url: str, bot_token: str, app_token: str) -> None:
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

    @app.command("/runbook")
    async def only_ack(ack: AsyncAck) -> None:
        await ack()

    handler = AsyncSocketModeHandler(app, app_token, web_client=client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await stop.wait()
    await handler.close_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
