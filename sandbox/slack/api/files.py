"""files.*: announce a file, upload it elsewhere, complete it; and look at it."""

from sandbox.slack.api.call import Call, Method
from sandbox.slack.channels import Channel
from sandbox.slack.files import File
from sandbox.slack.messages import Draft
from sandbox.slack.wire import Failure, Json

ALT_TEXT_MAX = 1000


async def get_upload_url(call: Call) -> Json:
    name = call.text("filename")
    length = call.number("length", 0, 0, 2**31)
    if not name or not length:
        raise Failure("missing_argument")
    if len(call.text("alt_txt")) > ALT_TEXT_MAX:
        raise Failure("alt_txt_too_large")
    file = call.team.files.announce(name, length, call.bot, call.team.now())
    file.alt_text = call.text("alt_txt") or None
    return {"upload_url": f"{call.team.url}/upload/v1/{file.ticket}", "file_id": file.id}


async def complete_upload(call: Call) -> Json:
    wanted = call.tree("files")
    if not isinstance(wanted, list) or not wanted:
        raise Failure("invalid_arguments", "[ERROR] missing required field: files")
    files = [_uploaded(call, each) for each in wanted]
    channels = [_shared_in(call, each) for each in call.names("channels")]
    if call.text("channel_id"):
        channels.append(_shared_in(call, call.text("channel_id")))
    for file, each in zip(files, wanted, strict=True):
        file.title = str(each.get("title") or file.name)
        file.completed = True
    for channel in channels:
        _share(call, files, channel)
    return {"files": [file.shape(call.team.url) for file in files]}


def _uploaded(call: Call, each: object) -> File:
    file = call.team.files.by_id.get(each.get("id", "")) if isinstance(each, dict) else None
    if file is None or file.content is None or file.completed:
        raise Failure("file_not_found")
    return file


def _shared_in(call: Call, channel_id: str) -> Channel:
    channel = call.team.channels.find(channel_id)
    if channel is None or not channel.seen_by(call.bot):
        raise Failure("channel_not_found")
    if call.bot not in channel.members:
        raise Failure("not_in_channel")
    if channel.is_archived:
        raise Failure("posting_to_channel_denied")
    return channel


def _share(call: Call, files: list[File], channel: Channel) -> None:
    team = call.team
    draft = Draft(team.bot_author, call.text("initial_comment"))
    draft.thread_ts = call.text("thread_ts") or None
    message = team.post(channel, draft)
    for file in files:
        share = {"ts": message["ts"], "channel_name": channel.name, "team_id": team.id}
        if draft.thread_ts:
            share["thread_ts"] = message["thread_ts"]
        file.shares.setdefault(channel.kind, {}).setdefault(channel.id, []).append(share)
    message["files"] = [file.shape(team.url) for file in files]
    message["upload"] = True


def _file(call: Call) -> File:
    file = call.team.files.by_id.get(call.need("file"))
    if file is None or not file.completed:
        raise Failure("file_not_found")
    return file


async def info(call: Call) -> Json:
    is_late = call.team.faults.take("late_shares", "files.info")
    shape = _file(call).shape(call.team.url, shows_shares=not is_late)
    return {"file": shape, "comments": [], "response_metadata": {"next_cursor": ""}}


async def list_(call: Call) -> Json:
    channel = call.text("channel")
    found = [file for file in call.team.files.by_id.values() if file.completed]
    shown = [
        file.shape(call.team.url)
        for file in found
        if not channel or any(channel in places for places in file.shares.values())
    ]
    paging = {"count": 100, "total": len(shown), "page": 1, "pages": 1}
    return {"files": shown, "paging": paging}


async def delete(call: Call) -> Json:
    file = _file(call)
    for channel in call.team.channels:
        for message in channel.messages.values():
            if "files" in message:
                message["files"] = [each for each in message["files"] if each["id"] != file.id]
    del call.team.files.by_id[file.id]
    return {}


_WRITE, _READ = ("files:write",), ("files:read",)
METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, _WRITE, takes_json=False),
    "files.completeUploadExternal": Method(complete_upload, _WRITE),
    "files.info": Method(info, _READ, takes_json=False),
    "files.list": Method(list_, _READ, takes_json=False),
    "files.delete": Method(delete, _WRITE),
}
