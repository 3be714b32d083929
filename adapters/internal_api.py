"""
The company's internal API, which starts a sync of an organization. It is told a key that is made
of the run, so that asking again is the same sync; whether one was started is seen in the company's
database, by that key.
"""

import shlex
from datetime import timedelta
from typing import Protocol

from pydantic import AwareDatetime

from adapters.http_calls import Answer, HttpCalls
from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Facts, Key, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential

WHO = "The internal API"


class InternalHealth(Facts):
    """Whether it answers. `answered_in` is None when it did not."""

    answered_in: timedelta | None
    error: str = ""

    @property
    def is_up(self) -> bool:
        return self.answered_in is not None and not self.error


class TriggerSync(Change):
    """
    Starts a sync of all ad accounts of an organization. There is no way back, and need be none: a
    sync only adds.
    """

    effect = CHANGE
    repeatable = True

    run: str
    organization: int
    organization_name: str
    since: AwareDatetime  #: When it was planned, by the database's clock.

    def target(self) -> str:
        return f"organization/{self.organization}/sync"

    def command(self) -> str:
        path = f"/sync/organization/{self.organization}"
        return shlex.join(("curl", "-X", "POST", path, "-H", f"Idempotency-Key:{self.key}"))

    def then(self) -> str:
        return f"A sync of {self.organization_name} has been started"

    @property
    def key(self) -> str:
        """The same for the same plan, and another one for the next."""
        return f"runbook-{self.run}-{self.organization}-{int(self.since.timestamp())}"


class SyncSeen(Protocol):
    @property
    def status(self) -> str: ...

    @property
    def ads_synced(self) -> int: ...


class Syncs(Protocol):
    async def sync_of(self, key: str) -> SyncSeen | None:
        """None: none was started with this key. Raises Refused, Unreachable."""


class InternalApi(Adapter):
    def __init__(
        self, calls: HttpCalls, url: str, api_key: Credential | None, syncs: Syncs
    ) -> None:
        self._calls, self._url = calls, url.rstrip("/")
        self._api_key, self._syncs = api_key, syncs

    async def health(self) -> InternalHealth:
        """Not answering is a fact."""
        try:
            answer = await self._calls.ask(WHO, f"{self._url}/health")
        except (Unreachable, Refused) as failure:
            return InternalHealth(answered_in=None, error=str(failure))
        page = ", a web page" if answer.is_page else ""
        well = answer.is_good and not page
        error = "" if well else f"{WHO} answered HTTP {answer.status}{page}"
        return InternalHealth(answered_in=answer.took, error=error)

    async def _see(self, change: TriggerSync) -> Seen:
        sync, name = await self._syncs.sync_of(change.key), plain(change.organization_name, 80)
        if sync is None:
            return Seen("before", f"No sync of {name} was started by this plan")
        done = f", {sync.ads_synced:,} ads so far"
        return Seen("applied", f"A sync of {name} is {sync.status}{done}")

    async def _trigger(self, change: TriggerSync, key: Key) -> None:
        if not self._api_key:
            raise Refused(f"{WHO} was not asked: internal.api_key is not set.")
        url = f"{self._url}/sync/organization/{change.organization}"

        async def write(api_key: str) -> Answer:
            headers = {"x-internal-key": api_key, "idempotency-key": change.key}
            return await self._calls.write(WHO, url, {}, headers)

        await self._api_key.use(write)

    alters = (
        pair(
            TriggerSync,
            observe=_see,
            apply=_trigger,
            permissions=("Internal API: its key, for POST /sync/organization",),
        ),
    )
