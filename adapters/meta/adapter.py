"""
Meta's Graph API: what tokens are good for, how much of the limits is used, and whether Meta tells
us what happens to the ads.

A token is named by where it is (TokenPlace); its value never leaves the adapters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from adapters.http_calls import HttpCalls
from adapters.meta import versions
from adapters.meta.changes import OBJECT, Subscribe, SubscribeApp, Unsubscribe, UnsubscribeApp
from adapters.meta.endpoint import probe
from adapters.meta.errors import META, Limited
from adapters.meta.facts import (
    AdAccount,
    AskedToken,
    Endpoint,
    Hearing,
    Hearings,
    StoredToken,
    Subscriptions,
    TokenPlace,
    TokenState,
    TokenTry,
    is_same,
)
from adapters.meta.graph import Graph, checked
from adapters.meta.reading import is_as_planned, subscription, token_state, told_of
from adapters.meta.usage import Headroom, Headrooms
from adapters.plain import plain
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.values import Secret
from bot.secrets.vault import Credential
from bot.settings import MetaSettings

MOST_LISTED, AT_ONCE = 100, 8
T = TypeVar("T")


class StoredTokens(Protocol):
    async def token_of(self, business_account: int) -> str:
        """For one call. Raises Refused, Unreachable."""


class TypedTokens(Protocol):
    async def value(self, secret: Secret) -> str:
        """For one call. Raises Refused, Unreachable."""


class Meta(Adapter):
    """`typed` is None where what people type as secrets is kept nowhere."""

    def __init__(
        self,
        calls: HttpCalls,
        settings: MetaSettings,
        app_token: Credential | None,
        app_secret: Credential | None,
        verify: Credential | None,
        stored: StoredTokens,
        typed: TypedTokens | None,
    ) -> None:
        self._calls, self._settings = calls, settings
        self._graph = Graph(calls, settings, app_secret)
        self._app_token, self._verify = app_token, verify
        self._stored, self._typed = stored, typed

    def version(self) -> versions.GraphVersion:
        """The one that settings name. Asks nobody."""
        return versions.version(self._settings.version, datetime.now(UTC))

    async def token(self, place: TokenPlace) -> TokenState:
        """Raises Unreachable, Refused."""
        value = await self._value(place)

        async def ask(ours: str) -> Mapping[str, Any]:
            form = [("input_token", value)]
            return (await self._graph.ask_about("debug_token", ours, form)).content

        told = await self._as_app(ask)
        return token_state(told.get("data"), self._app(), self._settings.scopes)

    async def tokens(self, business_accounts: Sequence[int]) -> tuple[AskedToken, ...]:
        """Of many; one that cannot be asked about keeps none of the others."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(one: int) -> AskedToken:
            try:
                async with gate:
                    state = await self.token(StoredToken(business_account=one))
            except (Unreachable, Refused) as error:
                return AskedToken(business_account=one, state=None, says=str(error))
            return AskedToken(business_account=one, state=state)

        return tuple(await asyncio.gather(*(ask(one) for one in business_accounts)))

    async def try_token(self, place: TokenPlace, account: str) -> TokenTry:
        """A token that does not work is a fact. Raises Unreachable, Limited among it."""
        try:
            value = await self._value(place)
            me = await self._graph.get("me", value)
            await self._graph.get(checked(account), value, [("fields", "account_status")])
        except Refused as error:
            return TokenTry(works=False, says=str(error))
        who = plain(me.content.get("name") or me.content.get("id") or "somebody", 80)
        return TokenTry(works=True, says=f"It works as {who}, and for {account}")

    async def headroom(self, account: AdAccount) -> Headroom:
        """By one ads call. Being limited is a fact. Raises Unreachable, Refused."""
        value = await self._stored.token_of(account.business_account)
        try:
            answer = await self._graph.get(
                checked(account.account), value, [("fields", "account_status")]
            )
        except Limited as limit:
            return Headroom(
                account=account.account,
                usages=limit.usages,
                limited=limit.trouble.says,
                code=limit.trouble.code or None,
            )
        return Headroom(account=account.account, usages=answer.usages, unread=answer.unread)

    async def headrooms(self, accounts: Sequence[AdAccount]) -> Headrooms:
        """One call for each, at most so many at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(one: AdAccount) -> Headroom | str:
            try:
                async with gate:
                    return await self.headroom(one)
            except (Unreachable, Refused) as error:
                return f"{one.account}: {error}"

        found = await asyncio.gather(*(ask(one) for one in accounts))
        return Headrooms(
            accounts=tuple(one for one in found if isinstance(one, Headroom)),
            unread=tuple(one for one in found if isinstance(one, str)),
        )

    async def subscriptions(self) -> Subscriptions:
        """Raises Unreachable, Refused."""
        app = self._app()
        listed = await self._as_app(lambda ours: self._list(f"{app}/subscriptions", ours))
        return Subscriptions(
            app=app,
            listed=tuple(subscription(one) for one in listed),
            wanted_callback=self._settings.callback_url,
            wanted_fields=self._settings.fields,
        )

    async def hearings(self, accounts: Sequence[AdAccount]) -> Hearings:
        """Each is asked with its own token; one that cannot be keeps none of the others."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(one: AdAccount) -> Hearing:
            there, says = None, ""
            try:
                async with gate:
                    there = await self._hears(one.account, one.business_account)
            except (Unreachable, Refused) as error:
                says = str(error)
            return Hearing(**one.model_dump(), is_subscribed=there, says=says)

        found = await asyncio.gather(*(ask(one) for one in accounts))
        return Hearings(app=self._app(), accounts=tuple(found))

    async def endpoint(self) -> Endpoint:
        """Raises Refused when there is nothing to ask it with."""
        if not self._verify:
            raise Refused("Our callback was not asked: meta.verify_token is not set.")
        return await probe(self._calls, self._settings.callback_url, self._verify)

    # Changes.

    async def _see_subscription(self, change: Subscribe) -> Seen:
        there = (await self._subscriptions_of(change.app)).of_accounts
        now = told_of(there)
        if there and is_same(there, change.callback, change.fields) and there.is_active:
            return Seen("applied", now)
        return Seen("before" if is_as_planned(there, change) else "drifted", now)

    async def _subscribe(self, change: Subscribe, key: Key) -> None:
        if not self._verify:
            raise Refused("Nothing was changed: meta.verify_token is not set.")
        form = [
            ("object", OBJECT),
            ("callback_url", change.callback),
            ("fields", ",".join(change.fields)),
            ("verify_token", await self._verify.value()),
        ]
        path = f"{checked(change.app)}/subscriptions"
        await self._as_app(lambda ours: self._graph.send("POST", path, ours, form))

    async def _see_none(self, change: Unsubscribe) -> Seen:
        there = (await self._subscriptions_of(change.app)).of_accounts
        if there is None:
            return Seen("applied", told_of(there))
        return Seen("before" if there.callback == change.replacing else "drifted", told_of(there))

    async def _unsubscribe(self, change: Unsubscribe, key: Key) -> None:
        path, form = f"{checked(change.app)}/subscriptions", [("object", OBJECT)]
        await self._as_app(lambda ours: self._graph.send("DELETE", path, ours, form))

    async def _see_app(self, change: SubscribeApp) -> Seen:
        return await self._see_hearing(change, wanted=True)

    async def _see_no_app(self, change: UnsubscribeApp) -> Seen:
        return await self._see_hearing(change, wanted=False)

    async def _see_hearing(self, change: SubscribeApp | UnsubscribeApp, wanted: bool) -> Seen:
        self._check_app(change.app)
        there = await self._hears(change.account, change.business_account)
        now = f"Our app {'hears' if there else 'does not hear'} of {change.account}"
        return Seen("applied" if there == wanted else "before", now)

    async def _subscribe_app(self, change: SubscribeApp, key: Key) -> None:
        value = await self._stored.token_of(change.business_account)
        path = f"{checked(change.account)}/subscribed_apps"
        await self._graph.send("POST", path, value, [("app_id", change.app)])

    async def _unsubscribe_app(self, change: UnsubscribeApp, key: Key) -> None:
        value = await self._stored.token_of(change.business_account)
        path = f"{checked(change.account)}/subscribed_apps"
        await self._graph.send("DELETE", path, value, [("app_id", change.app)])

    # Calls.

    async def _subscriptions_of(self, app: str) -> Subscriptions:
        self._check_app(app)
        return await self.subscriptions()

    async def _hears(self, account: str, business_account: int) -> bool:
        value = await self._stored.token_of(business_account)
        listed = await self._list(f"{checked(account)}/subscribed_apps", value)
        return any(str(one.get("id")) == self._app() for one in listed)

    async def _list(self, path: str, token: str) -> list[Mapping[str, Any]]:
        """All of it, or Unreachable."""
        answer = await self._graph.get(path, token, [("limit", str(MOST_LISTED))])
        paging = answer.content.get("paging")
        if isinstance(paging, dict) and paging.get("next"):
            raise Unreachable(f"{META} lists more than {MOST_LISTED}; it was not read whole")
        return answer.list()

    async def _value(self, place: TokenPlace) -> str:
        if isinstance(place, Secret):
            if not self._typed:
                raise Refused("What people type as secrets is kept nowhere: set secrets.keep.")
            return await self._typed.value(place)
        return await self._stored.token_of(place.business_account)

    async def _as_app(self, call: Callable[[str], Awaitable[T]]) -> T:
        if not self._app_token:
            raise Refused(f"{META} was not asked: meta.app_token is not set.")
        return await self._app_token.use(call)

    def _app(self) -> str:
        if not self._settings.app_id:
            raise Refused(f"{META} was not asked: meta.app_id is not set.")
        return self._settings.app_id

    def _check_app(self, app: str) -> None:
        """A plan of before the settings were changed."""
        if app != self._app():
            raise Refused(f"This is about app {plain(app, 40)}, and settings have another one.")

    alters = (
        pair(
            Subscribe,
            observe=_see_subscription,
            apply=_subscribe,
            permissions=("Meta: the app's access token",),
        ),
        pair(
            Unsubscribe,
            observe=_see_none,
            apply=_unsubscribe,
            permissions=("Meta: the app's access token",),
        ),
        pair(
            SubscribeApp,
            observe=_see_app,
            apply=_subscribe_app,
            permissions=("Meta: ads_management, with edit rights on the ad account",),
        ),
        pair(
            UnsubscribeApp,
            observe=_see_no_app,
            apply=_unsubscribe_app,
            permissions=("Meta: ads_management, with edit rights on the ad account",),
        ),
    )
