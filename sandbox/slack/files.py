"""
Uploaded files: first a place to upload to, then the bytes, then where they are shown.

An upload address is used once. A file that was announced and never completed is nowhere.
"""

import mimetypes
import secrets
from dataclasses import dataclass, field

from sandbox.slack.wire import Json, new_id


@dataclass
class File:
    id: str
    name: str
    length: int
    ticket: str
    created: int
    user: str
    alt_text: str | None = None
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    shares: dict[str, dict[str, list[Json]]] = field(default_factory=dict)  #: kind, channel.

    @property
    def mimetype(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def shape(self, base_url: str, shows_shares: bool = True) -> Json:
        shares = self.shares if shows_shares else {}
        kind = self.name.rsplit(".", 1)[-1].lower() if "." in self.name else "binary"
        by_kind = {kind: list(places) for kind, places in shares.items()}
        shown: Json = {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": kind,
            "pretty_type": kind.upper(),
            "user": self.user,
            "size": self.length,
            "mode": "hosted",
            "is_external": False,
            "is_public": bool(by_kind.get("public")),
            "url_private": f"{base_url}/files/{self.id}",
            "url_private_download": f"{base_url}/files/{self.id}",
            "permalink": f"{base_url}/files/{self.id}",
            "channels": by_kind.get("public", []),
            "groups": by_kind.get("private", []),
            "ims": by_kind.get("im", []),
            "shares": shares,
        }
        return shown | ({"alt_txt": self.alt_text} if self.alt_text else {})


class Files:
    def __init__(self) -> None:
        self.by_id: dict[str, File] = {}

    def announce(self, name: str, length: int, user: str, now: int) -> File:
        file = File(new_id("F"), name, length, secrets.token_urlsafe(16), now, user)
        self.by_id[file.id] = file
        return file

    def awaiting(self, ticket: str) -> File | None:
        """The file whose bytes go to this upload address, as long as they have not come."""
        waiting = (file for file in self.by_id.values() if file.content is None)
        return next((file for file in waiting if file.ticket == ticket), None)
