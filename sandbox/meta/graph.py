"""
Meta's Graph API: /me, debug_token, ad accounts, subscriptions, subscribed_apps; limits that fill
with each call; versions that are gone; and deliveries to the callback that is subscribed.

Errors are as Meta's: HTTP 400 with a code in the body.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from sandbox.meta.callbacks import deliver, verify
from sandbox.meta.limits import ACCOUNT, APP, BUSINESS, MESSAGES, USER, Limits
from sandbox.meta.state import (
    AD_ACCOUNT_FIELDS,
    APP_NAMES,
    OUR_APP,
    WRONG,
    Account,
    Subscription,
    Token,
    new_secret,
)
from sandbox.peers.peer import Handler, Peer

OBJECT = "ad_account"
#: Faults that are one of Meta's errors: its code and sentence.
ERRORS: Mapping[str, tuple[int, str]] = {
    "unknown error": (1, "An unknown error occurred"),
    "passing error": (2, "An unexpected error has occurred. Please retry your request later."),
    "not allowed": (200, "(#200) Requires ads_management permission to manage the object"),
    "blocked": (368, "The action attempted has been deemed abusive or is otherwise disallowed"),
}


class GraphError(Exception):
    def __init__(self, code: int, message: str, subcode: int = 0) -> None:
        super().__init__(message)
        self.code, self.message, self.subcode = code, message, subcode


class Graph(Peer):
    """
    Faults of its own: those of ERRORS; no usage (no headers), strange usage (headers that cannot
    be read); of deliveries: webhook lost, bad signature, delivered twice.
    """

    FAULTS = Peer.FAULTS | {
        *ERRORS, "no usage", "strange usage", "webhook lost", "bad signature", "delivered twice",
    }  # fmt: skip

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        window_s: float = 3600.0,
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.now, self.limits = now, Limits(window_s)
        self.app, self.app_secret = OUR_APP, new_secret()
        self.accounts: dict[str, Account] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.gone: set[str] = set()  #: Versions whose ads calls are not served any more.
        self.demands_proof = False  #: Whether calls without appsecret_proof are refused.
        self._tokens = {self.app_token: Token(self.app_token, kind="APP", scopes=())}
        self._find: Callable[[str], Token | None] = lambda value: None

    @property
    def app_token(self) -> str:
        return f"{self.app}|{self.app_secret}"

    def routes(self) -> list[web.RouteDef]:
        account = r"/{version:v[0-9]+\.[0-9]}/{account:act_[0-9]+}"
        app = r"/{version:v[0-9]+\.[0-9]}/{app:[0-9]+}/subscriptions"
        return [
            web.get(r"/{version:v[0-9]+\.[0-9]}/me", self._answering(self._me)),
            web.route("*", r"/{version:v[0-9]+\.[0-9]}/debug_token", self._answering(self._debug)),
            web.get(account, self._answering(self._account)),
            web.route("*", f"{account}/subscribed_apps", self._answering(self._subscribed)),
            web.route("*", app, self._answering(self._subscriptions)),
        ]

    # What the sandbox arranges.

    def add(self, *tokens: Token) -> None:
        self._tokens |= {one.value: one for one in tokens}

    def also_know(self, find: Callable[[str], Token | None]) -> None:
        """Tokens that somebody else knows of."""
        self._find = find

    def token(self, value: str) -> Token | None:
        return self._tokens.get(value) or self._find(value)

    def add_accounts(self, ids: Iterable[str], business: str = "66782684") -> None:
        self.accounts |= {one: Account(one, business) for one in ids}

    async def change_ad(self, account: str, name: str = "with_issues_ad_objects") -> bool:
        """Something happens to an ad. Whether it was delivered, and the callback took it."""
        there = self.subscriptions.get(OBJECT)
        hears = account in self.accounts and self.app in self.accounts[account].apps
        if not (there and there.is_active and name in there.fields and hears):
            return False
        if self.strikes("webhook lost"):
            return False
        value = {"id": secrets.token_hex(6), "level": "AD", "error_code": 1885183}
        change = {"field": name, "value": value}
        entry = {"id": account.removeprefix("act_"), "time": int(self.now()), "changes": [change]}
        body = {"object": OBJECT, "entry": [entry]}
        times = 2 if self.strikes("delivered twice") else 1
        secret = "another" if self.strikes("bad signature") else self.app_secret
        return all([await deliver(there.callback, body, secret) for _ in range(times)])

    # What it answers.

    def _answering(self, handler: Callable[..., Any]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            told = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
            method = told.get("method", request.method).upper()
            headers: dict[str, str] = {}
            try:
                token = self._authorized(request, told)
                whose = self._whose(request, token)
                self._fail_by_name()
                self._check_version(request, whose)
                code = self.limits.count(whose, self.now())
                if not self.strikes("no usage"):
                    headers = self.limits.headers(whose, self.now())
                if self.strikes("strange usage"):
                    headers = dict.fromkeys(headers, "{}}")
                if code is not None:
                    message, subcode = MESSAGES[code]
                    raise GraphError(code, message, subcode)
                content = await handler(request, method, told, token)
            except GraphError as error:
                return web.json_response(_shape(error), status=400, headers=headers)
            return web.json_response(content, headers=headers)

        return answer

    def _fail_by_name(self) -> None:
        for name, (code, message) in ERRORS.items():
            if self.strikes(name):
                raise GraphError(code, message)

    def _authorized(self, request: web.Request, told: Mapping[str, str]) -> Token:
        header = request.headers.get("Authorization", "")
        value = header.removeprefix("Bearer ") if header else told.get("access_token", "")
        if not value:
            raise GraphError(
                2500, "An active access token must be used to query information about the user."
            )
        token = self._valid(value)
        proof = hmac.new(self.app_secret.encode(), value.encode(), hashlib.sha256).hexdigest()
        given = told.get("appsecret_proof")
        if given is None and self.demands_proof:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument")
        if given is not None and not hmac.compare_digest(given, proof):
            raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
        return token

    def _valid(self, value: str) -> Token:
        token = self.token(value)
        if token is None:
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        state = token.state_at(self.now())
        if state != "valid":
            subcode, message = WRONG[state]
            raise GraphError(190, f"Error validating access token: {message}", subcode)
        return token

    def _whose(self, request: web.Request, token: Token) -> dict[int, str]:
        """Which limits the call counts for. Those of ads count for calls of ad accounts only."""
        whose = {APP: token.app}
        if account := self.accounts.get(request.match_info.get("account", "")):
            whose |= {BUSINESS: account.business, ACCOUNT: account.id, USER: token.user}
        return whose

    def _check_version(self, request: web.Request, whose: Mapping[int, str]) -> None:
        """Other calls of a version that is gone are served by the oldest that is there."""
        if request.match_info["version"] in self.gone and BUSINESS in whose:
            raise GraphError(
                2635,
                "(#2635) You are calling a deprecated version of the Ads API. Please update to"
                " the latest version: v27.0.",
            )

    async def _me(self, _: web.Request, __: str, ___: Mapping[str, str], token: Token) -> Any:
        return {"id": token.user, "name": "Sandbox System User"}

    async def _debug(
        self, _: web.Request, method: str, told: Mapping[str, str], asking: Token
    ) -> Any:
        if method != "GET":
            raise GraphError(100, "Unsupported post request.", 33)
        token = self.token(told.get("input_token", ""))
        if token is None:
            error = {"code": 190, "message": "Invalid OAuth access token."}
            return {"data": {"error": error, "is_valid": False, "scopes": []}}
        if asking.app != token.app:
            raise GraphError(
                100,
                "(#100) The App_id in the input_token did not match the Viewing App",
            )
        return {"data": token.told(self.now())}

    async def _account(
        self, request: web.Request, _: str, __: Mapping[str, str], token: Token
    ) -> Any:
        account = self._account_for(request, token)
        return {"account_status": 1, "id": account.id}

    async def _subscribed(
        self, request: web.Request, method: str, told: Mapping[str, str], token: Token
    ) -> Any:
        account = self._account_for(request, token)
        if method == "GET":
            return {"data": [{"name": APP_NAMES[one], "id": one} for one in sorted(account.apps)]}
        app = told.get("app_id", token.app)
        if app != token.app:
            raise GraphError(200, "(#200) The app of the token is another one")
        (account.apps.add if method == "POST" else account.apps.discard)(app)
        return {"success": "true"}

    def _account_for(self, request: web.Request, token: Token) -> Account:
        name = request.match_info["account"]
        if name not in self.accounts:
            raise GraphError(
                100,
                f"Unsupported get request. Object with ID '{name}' does not exist, cannot be"
                " loaded due to missing permissions, or does not support this operation.",
                33,
            )
        if "ads_management" not in token.scopes:
            raise GraphError(
                200, "(#200) Ad account owner has NOT grant ads_management or ads_read permission"
            )
        return self.accounts[name]

    async def _subscriptions(
        self, request: web.Request, method: str, told: Mapping[str, str], token: Token
    ) -> Any:
        if token.kind != "APP" or request.match_info["app"] != token.app:
            raise GraphError(15, "(#15) This method must be called with an app access_token.")
        if method == "GET":
            return {"data": [_listed(name, one) for name, one in self.subscriptions.items()]}
        if told.get("object") != OBJECT:
            raise GraphError(100, "(#100) Param object must be one of {ad_account, page, user}")
        if method == "DELETE":
            self.subscriptions.pop(OBJECT, None)
            return {"success": True}
        fields = tuple(filter(None, told.get("fields", "").split(",")))
        if unknown := [one for one in fields if one not in AD_ACCOUNT_FIELDS]:
            raise GraphError(100, f"(#100) Param fields[0] is not a valid field: {unknown[0]}")
        callback = told.get("callback_url", "")
        if wrong := await verify(callback, told.get("verify_token", "")):
            raise GraphError(
                2200, f"(#2200) Callback verification failed with the following errors: {wrong}"
            )
        self.subscriptions[OBJECT] = Subscription(callback, fields)
        return {"success": True}


def _listed(name: str, one: Subscription) -> dict[str, Any]:
    return {
        "object": name,
        "callback_url": one.callback,
        "active": one.is_active,
        "fields": [{"name": field, "version": "v26.0"} for field in one.fields],
    }


def _shape(error: GraphError) -> dict[str, Any]:
    told: dict[str, Any] = {
        "message": error.message,
        "type": "OAuthException",
        "code": error.code,
        "fbtrace_id": secrets.token_urlsafe(8),
    }
    if error.subcode:
        told["error_subcode"] = error.subcode
    if error.code in (1, 2):
        told["is_transient"] = True
    return {"error": told}
