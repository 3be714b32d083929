"""
Uploads a file and shares it once. Its id at Slack is stored before it is shared, so that after a
lost answer or a crash the same file is looked for, and never a second one shared.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import Any

from bot.runbook import Plot
from bot.runbook.showing import details_from_json
from bot.slack.calls import Calls
from bot.slack.outbox.routing import Route
from bot.slack.outbox.verdicts import Arrived, Failed, Outcome, outcome_of
from bot.store.delivering import mark_uploaded
from bot.store.store import Store

#: Draws a plot as PNG; slow, so it is called in a thread.
Draw = Callable[[Plot], bytes]


class Files:
    def __init__(self, store: Store, calls: Calls, draw: Draw) -> None:
        self._store, self._calls, self._draw = store, calls, draw

    async def send(self, route: Route, payload: Mapping[str, Any]) -> Outcome:
        file_id = route.row.remote
        if file_id is None:
            uploaded = await self._upload(payload)
            if not isinstance(uploaded, str):
                return uploaded
            file_id = uploaded
            await self._store.tx(mark_uploaded, route.row.id, file_id)
        return await self._share(route, file_id, str(payload["title"]))

    async def _upload(self, payload: Mapping[str, Any]) -> str | Outcome:
        content = await self._content(payload)
        answer = await self._calls.call(
            "files.getUploadURLExternal",
            filename=payload["filename"],
            length=len(content),
            alt_txt=payload.get("alt_text") or None,
        )
        if not answer["ok"]:
            return outcome_of("files.getUploadURLExternal", str(answer.get("error", "")))
        await self._calls.upload(str(answer["upload_url"]), content)
        return str(answer["file_id"])

    async def _content(self, payload: Mapping[str, Any]) -> bytes:
        if "plot" in payload:
            plot = details_from_json({"plot": payload["plot"]})["plot"]
            return await asyncio.to_thread(self._draw, plot)
        return base64.b64decode(payload["content"])

    async def _share(self, route: Route, file_id: str, title: str) -> Outcome:
        answer = await self._calls.call(
            "files.completeUploadExternal",
            files=[{"id": file_id, "title": title}],
            channel_id=route.channel,
            thread_ts=route.thread_ts,
        )
        error = str(answer.get("error", ""))
        if answer["ok"]:
            return Arrived()
        if error in ("file_not_found", "file_update_failed"):
            await self._store.tx(mark_uploaded, route.row.id, None)
            return Failed(f"Slack does not have the upload any more ({error})")
        return outcome_of("files.completeUploadExternal", error)
