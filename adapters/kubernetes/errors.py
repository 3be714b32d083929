"""What became of a call of Kubernetes, in words of ours: what is known of it, and what to do."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp

from adapters.http_calls import A_MINUTE_S, UNREADABLE
from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable
from bot.secrets.vault import NotAccepted

Verb = Literal["get", "list", "watch", "patch"]
LONGEST_SAID = 300


class NotThere(Refused):
    """Kubernetes knows no such thing."""


class Denied(Refused):
    """The bot's role does not allow it."""


class NotYet(Refused):
    """A container has no log: it has not been started, or no earlier life of it is kept."""


class Overtaken(NothingDone):
    """Somebody, or the cluster itself, has written the object since it was read."""


class Expired(Unreachable):
    """What was asked for is too long ago: ask anew from the beginning."""


@dataclass(frozen=True)
class Call:
    """A call, and how to say to a person what became of it. Never repeats what was sent."""

    verb: Verb
    resource: str  #: In the plural, such as `deployments`.
    name: str = ""
    sub: str = ""  #: A part of it, such as `log`.
    group: str = ""  #: Of the API; empty: the core.
    namespace: str = ""

    @property
    def path(self) -> str:
        root = f"/apis/{self.group}/v1" if self.group else "/api/v1"
        parts = ("namespaces", self.namespace, self.resource, self.name, self.sub)
        return "/".join((root, *filter(None, parts)))

    @property
    def permission(self) -> str:
        """As a role spells it, in one word: `apps/deployments:patch`."""
        parts = (self.group, self.resource, self.sub)
        return f"{'/'.join(filter(None, parts))}:{self.verb}"

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> StepError:
        """What an answer that is not good means."""
        says = _said(body)
        what = f"{self._what} (HTTP {status})"
        if status == 401:
            return NotAccepted(
                f"Kubernetes does not accept the bot's credentials: it could not {what}."
                f" {self._nothing_done} Ask whoever runs the bot."
            )
        if status == 403:
            return Denied(
                f"Kubernetes does not let the bot {what}. {self._nothing_done}"
                " Ask whoever gives out roles in the cluster."
            )
        if status == 404:
            return NotThere(f"Kubernetes finds nothing to {what}{says}. {self._nothing_done}")
        if status == 400 and self.sub == "log":
            return NotYet(f"Kubernetes cannot {what}{says}. {self._nothing_done}")
        if status == 409:
            return Overtaken(
                f"Kubernetes did not {what}: it was changed at the same moment."
                f" {self._nothing_done}",
            )
        if status == 410:
            return Expired(f"Kubernetes cannot {what} any more: that is too long ago. Try again.")
        if status == 429:
            again_s = _after_s(headers)
            return NothingDone(
                f"Kubernetes limits our calls: it did not {what}. {self._nothing_done}"
                f" Try again in {again_s:g} s.",
                again_s,
            )
        if status >= 500:
            return Unreachable(f"Kubernetes failed to {what}{says}. {self._perhaps_done}")
        return Refused(f"Kubernetes refused to {what}{says}. {self._nothing_done}")

    def broken(self, error: aiohttp.ClientError | OSError) -> StepError:
        """Without the error's own text, which may name what was asked."""
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
            return Refused(
                "Kubernetes cannot be trusted: its certificate was not accepted."
                f" {self._nothing_done} Look at kubernetes.ca, and whether somebody is between."
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return NothingDone(
                "Kubernetes cannot be found: its name is not known to the network."
                f" {self._nothing_done}"
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            return NothingDone(f"Kubernetes does not accept connections. {self._nothing_done}")
        if isinstance(error, aiohttp.InvalidURL):
            return Refused(f"Kubernetes has an address that is none. {self._nothing_done}")
        return Unreachable(
            f"Kubernetes broke the connection: it did not answer whether it could {self._what}."
            f" {self._perhaps_done}"
        )

    def unanswered(self, after_s: float) -> Unreachable:
        return Unreachable(
            f"Kubernetes did not {self._what} within {after_s:g} s. {self._perhaps_done}"
        )

    def unreadable(self) -> Unreachable:
        return Unreachable(
            f"Kubernetes answered with something that cannot be read: {self._what}."
            f" {self._perhaps_done}"
        )

    @property
    def _what(self) -> str:
        what = f"{self.resource}/{self.sub}" if self.sub else self.resource
        of = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{of} in namespace {self.namespace}"

    @property
    def _nothing_done(self) -> str:
        return "Nothing was changed." if self.verb == "patch" else "Nothing was read."

    @property
    def _perhaps_done(self) -> str:
        if self.verb == "patch":
            return "It may have been done all the same: look before anything is repeated."
        return "Nothing was read. Try again."


def _said(body: bytes) -> str:
    """The sentence of a `Status`, which is what every error of the API is."""
    try:
        content = json.loads(body)
    except UNREADABLE:
        return ""
    message = content.get("message") if isinstance(content, dict) else None
    text = plain(message, LONGEST_SAID).rstrip(".") if isinstance(message, str) else ""
    return f": {text}" if text else ""


def _after_s(headers: Mapping[str, str]) -> float:
    after = headers.get("Retry-After", "")
    return max(1.0, float(after)) if re.fullmatch("[0-9]{1,6}", after) else A_MINUTE_S
