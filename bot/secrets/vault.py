"""
The secrets that the bot itself uses, each read where it is kept, at the moment it is needed.

Once there is a value nobody waits for it again: it is read anew in the background when it gets
old, and at once when the other side does not accept it any more. So a secret can be changed while
the bot runs. A place that does not answer is no reason to forget what it said (Slack must be told
when AWS is ill); a clear no is.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from bot.runbook.errors import Refused, StepError, Unreachable
from bot.secrets.redaction import REDACTOR
from bot.secrets.reference import Reference, Scheme

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds after which a value is read again, and between two tries to get another one.
FRESH_S, AGAIN_S = 300.0, 10.0
#: Where these say no, the settings are wrong; other places may have their own troubles.
LOCAL: tuple[Scheme, ...] = ("env", "file")


class NotAccepted(Refused):
    """The other side does not accept the credential that it was called with. Nothing was done."""


class Provider(Protocol):
    """One kind of place that secrets are kept in."""

    async def read(self, reference: Reference) -> str:
        """Raises Refused when there is no such secret to be had, Unreachable without an answer."""


class Credential:
    """`clock` in seconds; it only moves forward."""

    def __init__(
        self,
        reference: Reference,
        provider: Provider,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reference, self._provider, self._clock = reference, provider, clock
        self._value: str | None = None
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Credential({self.reference})"

    async def value(self) -> str:
        """For one call; do not keep it. Raises Refused, Unreachable."""
        if self._value is None:
            async with self._lock:
                return self._value or await self._read()
        is_old = self._clock() - self._read_at > FRESH_S
        if is_old and (self._refreshing is None or self._refreshing.done()):
            name = f"reading {self.reference} again"
            self._refreshing = asyncio.create_task(self._refresh(), name=name)
        return self._value

    async def use(self, call: Callable[[str], Awaitable[T]]) -> T:
        """What the call gives; made again with another value if this one was NotAccepted."""
        value = await self.value()
        try:
            return await call(value)
        except NotAccepted:
            if not await self.renew(value):
                raise
        return await call(await self.value())

    async def renew(self, refused: str) -> bool:
        """Whether there is another value than the one that was not accepted."""
        async with self._lock:
            if self._value == refused and self._clock() - self._tried_at >= AGAIN_S:
                try:
                    await self._read()
                except StepError as error:
                    log.warning("%s is not accepted, and there is no other: %s", self, error)
            return self._value not in (None, refused)

    async def close(self) -> None:
        if self._refreshing:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _refresh(self) -> None:
        async with self._lock:
            try:
                await self._read()
            except Unreachable as error:
                log.warning("%s. What it was is used until it answers.", error)
                self._read_at = self._clock() - FRESH_S + AGAIN_S
            except Refused as error:
                log.warning("%s", error)

    async def _read(self) -> str:
        self._tried_at = self._clock()
        try:
            value = await self._provider.read(self.reference)
        except Refused:
            self._value = None
            raise
        REDACTOR.learn(value, self.reference)
        self._value, self._read_at = value, self._clock()
        return value


class Vault:
    """Every credential of the bot, one for each reference."""

    def __init__(
        self,
        providers: Mapping[Scheme, Provider],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers, self._clock = providers, clock
        self._credentials: dict[Reference, Credential] = {}

    def credential(self, reference: Reference) -> Credential:
        if reference not in self._credentials:
            provider = self._providers[reference.scheme]
            self._credentials[reference] = Credential(reference, provider, self._clock)
        return self._credentials[reference]

    def credential_if(self, reference: Reference | None) -> Credential | None:
        return None if reference is None else self.credential(reference)

    async def check(self, references: Iterable[Reference]) -> None:
        """
        Reads all of them, so that what is misspelt is known at the start, and no text that comes
        later has one in it. Raises Refused for those that are kept here and cannot be read.
        """
        several = list(references)
        read = (self.credential(one).value() for one in several)
        answers = await asyncio.gather(*read, return_exceptions=True)
        wrong = []
        for reference, answer in zip(several, answers, strict=True):
            if isinstance(answer, Refused) and reference.scheme in LOCAL:
                wrong.append(str(answer))
            elif isinstance(answer, StepError):
                log.warning("%s", answer)
            elif isinstance(answer, BaseException):
                raise answer
        if wrong:
            raise Refused("\n".join(wrong))

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in self._credentials.values()))
