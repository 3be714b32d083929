"""Users of Auth0 are found, kept out and let in again, and what is left of them is looked at."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters import http_calls
from adapters.auth0 import Auth0, BlockUser, RevokeRefreshTokens, RevokeSessions, UnblockUser
from adapters.auth0.token import EARLY_S, ManagementToken
from adapters.http_calls import HttpCalls, NotFound
from bot.runbook import DESTROY
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.redaction import REDACTOR
from bot.settings import Auth0Settings
from sandbox.peers.auth0 import Auth0 as Peer
from sandbox.peers.auth0_answers import Entry, User
from tests.credentials import Changing, given

pytestmark = pytest.mark.slow

SECRET = "client-secret-not-to-be-shown-0123456789"
IP, OTHER_IP = "203.0.113.9", "198.51.100.7"
Changes = BlockUser | UnblockUser | RevokeSessions | RevokeRefreshTokens


class Tenant(Peer):
    """Answers `strange` instead of data, when told to."""

    FAULTS = Peer.FAULTS | {"strange"}
    strange: object = None

    def _no(self, request: web.Request, scope: str) -> web.Response | None:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return super()._no(request, scope)

    def asked(self, path: str, method: str = "GET") -> int:
        return sum((call.method, call.path) == (method, path) for call in self.calls)

    @property
    def tokens_asked(self) -> int:
        return self.asked("/oauth/token", "POST")


@dataclass
class Desk:
    """A tenant with one suspect; and us, who ask it."""

    tenant: Tenant
    calls: HttpCalls
    now: float = 0.0
    ada: User = field(
        default_factory=lambda: User("auth0|5f7c8ec7", "ada@example.com", "Ada Adler")
    )

    def auth0(self, secret: Any = None, **settings: Any) -> Auth0:
        told = {"url": self.tenant.url, "client_id": self.tenant.client_id} | settings
        read = Auth0Settings.model_validate(told)
        token = ManagementToken(self.calls, read, secret or given(SECRET), lambda: self.now)
        return Auth0(self.calls, read, token)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    async with Tenant(SECRET, slow_s=2.0) as tenant:
        calls = HttpCalls(timeout_s=0.7)
        made = Desk(tenant, calls)
        tenant.enrol(made.ada)
        for hours in range(3):
            tenant.sign_in(made.ada, IP, timedelta(hours=hours))
        yield made
        await calls.close()


async def state(auth0: Auth0, change: Changes) -> str:
    (found,) = [one for one in auth0.alters if one.change is type(change)]
    return str((await found.observe(auth0, change)).state)


async def apply(auth0: Auth0, change: Changes) -> None:
    (found,) = [one for one in auth0.alters if one.change is type(change)]
    applying = found.apply(auth0, change, "key")
    assert not isinstance(applying, AsyncIterator)
    await applying


# Tokens.


async def test_one_token_is_good_for_many_calls_until_just_before_it_expires(desk: Desk) -> None:
    auth0 = desk.auth0()
    await asyncio.gather(*(auth0.user(desk.ada.id) for _ in range(5)))
    assert desk.tenant.tokens_asked == 1
    desk.now = desk.tenant.token_lasts_s - EARLY_S - 1
    await auth0.user(desk.ada.id)
    assert desk.tenant.tokens_asked == 1
    desk.now += 1
    await auth0.user(desk.ada.id)
    assert desk.tenant.tokens_asked == 2


async def test_a_token_that_is_not_accepted_any_more_is_renewed_once(desk: Desk) -> None:
    auth0 = desk.auth0()
    await auth0.user(desk.ada.id)
    desk.tenant.expire_tokens()
    await apply(auth0, BlockUser(user_id=desk.ada.id))
    assert desk.ada.is_blocked and desk.tenant.tokens_asked == 2
    assert desk.tenant.asked(f"/api/v2/users/{desk.ada.id}", "PATCH") == 2


async def test_tokens_that_are_never_accepted_are_not_asked_for_for_ever(desk: Desk) -> None:
    desk.tenant._tokens = _Forgetful()
    with pytest.raises(Refused, match="does not accept our credentials"):
        await desk.auth0().user(desk.ada.id)
    assert desk.tenant.tokens_asked == 2


class _Forgetful(set[str]):
    def add(self, _token: str) -> None:
        return


async def test_a_client_secret_that_was_changed_is_found_and_a_wrong_one_not_shown(
    desk: Desk,
) -> None:
    secret = Changing(SECRET)
    auth0 = desk.auth0(secret.credential)
    await auth0.user(desk.ada.id)
    desk.tenant.client_secret = "another-client-secret-0123456789"
    desk.tenant.expire_tokens()
    secret.change(desk.tenant.client_secret)
    await auth0.user(desk.ada.id)
    with pytest.raises(Refused, match="does not accept our credentials") as refused:
        await desk.auth0(given("a-wrong-secret-0123456789")).user(desk.ada.id)
    assert "a-wrong-secret" not in repr(refused.value)


@pytest.mark.parametrize("fault", ["error", "slow", "lost response", "half an answer", "html"])
async def test_without_a_token_nothing_was_done(desk: Desk, fault: str) -> None:
    desk.tenant.fail(fault, times=1)
    with pytest.raises(NothingDone, match="No token is to be had, so nothing was done"):
        await apply(desk.auth0(), BlockUser(user_id=desk.ada.id))
    assert not desk.ada.is_blocked and desk.tenant.asked("/api/v2/users", "PATCH") == 0


async def test_what_is_missing_in_settings_is_named(desk: Desk) -> None:
    settings = Auth0Settings()
    nothing = Auth0(desk.calls, settings, ManagementToken(desk.calls, settings, None))
    with pytest.raises(
        Refused, match=r"set auth0\.url, auth0\.client_id and auth0\.client_secret"
    ):
        await nothing.user("auth0|1")
    with pytest.raises(Refused, match="Service not found"):
        await desk.auth0(url=f"{desk.tenant.url}/other/..").user("auth0|1")


async def test_no_token_is_logged_or_shown_anywhere(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "adapters")
    desk.tenant.token_begins = "opaque"  # It need not look like a token.
    await desk.auth0().user(desk.ada.id)
    (token,) = desk.tenant._tokens
    assert token not in caplog.text + repr(desk.auth0().__dict__)
    assert REDACTOR.holds(f"it was {token}")


# Looking.


async def test_a_user_is_found_by_id_and_by_address(desk: Desk) -> None:
    auth0 = desk.auth0()
    user = await auth0.user(desk.ada.id)
    assert (user.email, user.is_blocked, user.sign_ins) == ("ada@example.com", False, 7)
    assert (await auth0.users("Ada@Example.com")).users == (user,)
    assert (await auth0.users("nobody@example.com")).users == ()
    with pytest.raises(NotFound, match="The user does not exist"):
        await auth0.user("auth0|none")


async def test_an_id_cannot_lead_to_another_path(desk: Desk) -> None:
    with pytest.raises(NotFound, match="The user does not exist"):
        await desk.auth0().user(f"../users/{desk.ada.id}")


async def test_sessions_and_refresh_tokens_are_read_to_the_last_page(desk: Desk) -> None:
    for _ in range(60):
        desk.tenant.sign_in(desk.ada, IP)
    grants = await desk.auth0().grants(desk.ada.id)
    assert (grants.count("session"), grants.count("refresh token")) == (63, 63)
    assert grants.table().rows[0][0] == "session"


async def test_sign_ins_are_found_by_user_by_address_and_by_time(desk: Desk) -> None:
    bela = desk.tenant.enrol(User("auth0|be", "bela@example.com", "Bela"))
    desk.tenant.sign_in(bela, IP, timedelta(minutes=5), kind="fp")
    desk.tenant.sign_in(bela, OTHER_IP, timedelta(minutes=6))
    desk.tenant.sign_in(bela, OTHER_IP, timedelta(minutes=7), kind="sapi")  # is about an API
    auth0, now = desk.auth0(), datetime.now(UTC) + timedelta(seconds=5)
    day = now - timedelta(days=1)
    assert len((await auth0.sign_ins(day, now, user_id=desk.ada.id)).entries) == 3
    seen = await auth0.sign_ins(day, now, user_id=bela.id)
    assert [(one.what, one.succeeded, one.ip) for one in seen.entries] == [
        ("wrong password", False, IP),
        ("signed in", True, OTHER_IP),
    ]
    assert len((await auth0.sign_ins(day, now, ip=IP)).entries) == 4
    assert len((await auth0.sign_ins(day, now, user_id=bela.id, ip=IP)).entries) == 1
    hour = now - timedelta(minutes=30)
    assert len((await auth0.sign_ins(hour, now, user_id=desk.ada.id)).entries) == 1


async def test_more_sign_ins_than_auth0_gives_out_are_said_to_be_cut(desk: Desk) -> None:
    desk.tenant.entries = [Entry(datetime.now(UTC), "f", desk.ada.id, "", IP) for _ in range(1001)]
    now = datetime.now(UTC) + timedelta(minutes=1)
    found = await desk.auth0().sign_ins(now - timedelta(hours=1), now, ip=IP)
    assert (len(found.entries), found.is_cut) == (1000, True)


@pytest.mark.parametrize("user_id", ['x" OR user_id:"auth0|5f7c8ec7', "x\\", '\\" OR "'])
async def test_what_is_searched_for_is_a_value_and_no_search(desk: Desk, user_id: str) -> None:
    now = datetime.now(UTC) + timedelta(seconds=5)
    found = await desk.auth0().sign_ins(now - timedelta(days=1), now, user_id=user_id)
    assert found.entries == ()
    for wrong in ('1.2.3.4" OR "', "evil"):
        with pytest.raises(Refused, match="is no address"):
            await desk.auth0().sign_ins(now, now, ip=wrong)
    with pytest.raises(Refused, match="Say whose sign-ins"):
        await desk.auth0().sign_ins(now, now)


@pytest.mark.parametrize(
    "strange",
    [
        {}, [], "x", None, 3, [{}],
        {"user_id": "", "email": "a@example.com"},
        {"user_id": "auth0|1", "blocked": "no"},
        {"user_id": "auth0|1", "last_login": 5},
        {"user_id": "auth0|1", "last_login": "2026-02-03T08:00:00"},
        {"sessions": {}}, {"tokens": [{}]},
    ],
)  # fmt: skip
async def test_an_answer_of_another_shape_is_unreachable_and_never_not_blocked(
    desk: Desk, strange: object
) -> None:
    auth0, now = desk.auth0(), datetime.now(UTC)
    desk.tenant.strange = strange
    desk.tenant.fail("strange")
    for asked in (
        auth0.user("auth0|1"),
        auth0._see_unblock(UnblockUser(user_id="auth0|1")),
        auth0._see_sessions(RevokeSessions(user_id="auth0|1")),
        auth0._see_tokens(RevokeRefreshTokens(user_id="auth0|1")),
    ):
        with pytest.raises(Unreachable, match="Auth0 answered with something else than"):
            await asked
    if strange != []:
        with pytest.raises(Unreachable, match="something else than entries"):
            await auth0.sign_ins(now, now, ip=IP)


# Changing.


CHANGES: list[tuple[type[Changes], str]] = [
    (BlockUser, "is blocked"),
    (RevokeSessions, "has no sessions"),
    (RevokeRefreshTokens, "has no refresh tokens"),
]


@pytest.mark.parametrize(("kind", "says"), CHANGES)
async def test_a_change_is_before_then_applied_and_made_again_changes_nothing(
    desk: Desk, kind: type[Changes], says: str
) -> None:
    auth0 = desk.auth0()
    change = kind(user_id=desk.ada.id, email=desk.ada.email)
    assert change.effect is DESTROY and await state(auth0, change) == "before"
    await apply(auth0, change)
    assert await state(auth0, change) == "applied"
    await apply(auth0, change)
    (found,) = [one for one in auth0.alters if one.change is kind]
    assert (await found.observe(auth0, change)).now == f"{desk.ada.id} ({desk.ada.email}) {says}"


@pytest.mark.parametrize(("kind", "says"), CHANGES)
async def test_a_change_whose_answer_was_lost_is_seen_to_have_happened(
    desk: Desk, kind: type[Changes], says: str
) -> None:
    auth0, change = desk.auth0(), kind(user_id=desk.ada.id)
    await state(auth0, change)
    desk.tenant.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="broke the connection"):
        await apply(auth0, change)
    assert await state(auth0, change) == "applied"


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("lost request", Unreachable, "broke the connection"),
        ("error", Unreachable, r"HTTP 503.*not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("html", Unreachable, "a web page; it is not known"),
        ("limited", NothingDone, r"Try again in [12] s; nothing was done"),
    ],
)
@pytest.mark.parametrize("kind", [BlockUser, RevokeSessions])
async def test_a_change_that_did_not_come_through_was_sent_once_and_is_before(
    desk: Desk, kind: type[Changes], fault: str, error: type[Exception], says: str
) -> None:
    auth0, change = desk.auth0(), kind(user_id=desk.ada.id)
    await state(auth0, change)
    desk.tenant.fail(fault, times=1)
    before = len(desk.tenant.calls)
    with pytest.raises(error, match=says):
        await apply(auth0, change)
    assert len(desk.tenant.calls) == before + 1
    assert await state(auth0, change) == "before"


async def test_blocking_is_taken_back_by_unblocking(desk: Desk) -> None:
    auth0 = desk.auth0()
    block = (await auth0.user(desk.ada.id)).block()
    await apply(auth0, block)
    undo = block.undo()
    assert await state(auth0, undo) == "before"
    await apply(auth0, undo)
    assert (desk.ada.is_blocked, undo.undo()) == (False, block)


async def test_what_is_revoked_a_moment_later_is_before_until_then(desk: Desk) -> None:
    user = await desk.auth0().user(desk.ada.id)
    desk.tenant.fail("later", times=1)
    await apply(desk.auth0(), user.revoke_sessions())
    seen = await desk.auth0()._see_sessions(user.revoke_sessions())
    assert (seen.state, seen.now) == ("before", f"{desk.ada.id} (ada@example.com) has 3 sessions")
    await asyncio.gather(*desk.tenant._working)
    assert await state(desk.auth0(), user.revoke_sessions()) == "applied"


async def test_a_user_who_is_gone_has_drifted(desk: Desk) -> None:
    for kind, _ in CHANGES:
        assert await state(desk.auth0(), kind(user_id="auth0|none")) == "drifted"


async def test_a_right_that_was_not_granted_is_named(desk: Desk) -> None:
    desk.tenant.scopes -= {"delete:sessions", "update:users"}
    for change, scope in (
        (RevokeSessions(user_id=desk.ada.id), "delete:sessions"),
        (BlockUser(user_id=desk.ada.id), "update:users"),
    ):
        with pytest.raises(Refused, match=f"Insufficient scope, expected any of: {scope}"):
            await apply(desk.auth0(), change)
        assert await state(desk.auth0(), change) == "before"


async def test_reading_is_tried_again_and_then_said_to_have_failed(desk: Desk) -> None:
    auth0 = desk.auth0()
    await auth0.user(desk.ada.id)
    desk.tenant.fail("error", times=2)
    assert (await auth0.user(desk.ada.id)).id == desk.ada.id
    desk.tenant.fail("limited")
    with pytest.raises(NothingDone, match=r"Auth0 says we ask too often .*in [12] s") as limited:
        await auth0.user(desk.ada.id)
    assert 1 <= limited.value.again_after_s <= 2
