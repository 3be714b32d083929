"""
Canaries: secrets that are each planted in one place, shaped as they are in life, and looked for in
everything that was written, in every form that a careless program might write them in.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True)
class Canary:
    """`core` is what is looked for: nothing else on the machine has it."""

    name: str
    text: str
    core: str


@dataclass
class Canaries:
    planted: dict[str, Canary] = field(default_factory=dict)

    def plant(self, name: str, shape: str = "xoxb-2345678901-{}") -> str:
        """A new one, as it stands where it is planted."""
        core = secrets.token_hex(12)
        return self.know(name, shape.format(core), core)

    def tear(self, name: str, shape: str) -> str:
        """With something invisible in its middle: half of it tells enough."""
        halves = secrets.token_hex(12), secrets.token_hex(6)
        return self.know(name, shape.format("\u200b".join(halves)), halves[0])

    def know(self, name: str, text: str, core: str = "") -> str:
        """One that somebody else has made."""
        self.planted[name] = Canary(name, text, core or text)
        return text

    def seen_in(self, written: Mapping[str, bytes]) -> list[str]:
        """Where which canary was seen."""
        return [
            f"{canary.name} in {sink}: ...{_around(content, form)}..."
            for canary in self.planted.values()
            for sink, content in written.items()
            for form in _forms(canary.core)
            if form in content
        ]


def _forms(core: str) -> Iterator[bytes]:
    """Not made by the redactor's own means: those are what is tested."""
    raw = core.encode()
    yield raw
    yield raw[: len(raw) * 3 // 4]  # Cut short.
    yield quote(core, safe="").encode()
    yield raw.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        yield encoded[4 if before else 0 : -4]


def _around(content: bytes, form: bytes) -> str:
    at = content.index(form)
    return content[max(0, at - 90) : at + len(form) + 30].decode("utf-8", "replace")
