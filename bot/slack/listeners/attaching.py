"""A text too long for a message, put as a file where it was asked for."""

from bot.runbook.errors import Refused
from bot.slack.calls import Answer, Calls
from bot.slack.listeners.visit import Visit
from bot.slack.views.escape import clean, file_name


async def attach(calls: Calls, visit: Visit, filename: str, text: str) -> None:
    """In the thread of the message that was pressed. Raises Unreachable and Refused."""
    name, content = file_name(filename), clean(text).encode()
    ticket = _granted(
        await calls.call("files.getUploadURLExternal", filename=name, length=len(content))
    )
    await calls.upload(str(ticket["upload_url"]), content)
    _granted(
        await calls.call(
            "files.completeUploadExternal",
            files=[{"id": ticket["file_id"], "title": name}],
            channel_id=visit.channel.channel_id,
            thread_ts=visit.thread or visit.message or None,
        )
    )


def _granted(answer: Answer) -> Answer:
    if not answer["ok"]:
        raise Refused(f"Slack does not take the file ({answer.get('error')})")
    return answer
