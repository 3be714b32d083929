"""For every change at Stripe and at Auth0: a world in which it is due. See cases.py."""

from datetime import timedelta

from adapters.auth0 import BlockUser, RevokeRefreshTokens, RevokeSessions, UnblockUser
from adapters.stripe import ReplayEvent, RetryDelivery
from bot.runbook import Change
from sandbox.box import Box
from sandbox.peers.auth0_answers import User
from sandbox.peers.stripe import Stored
from tests.crash.cases import NUMBERS, Case, case, sent


@case(ReplayEvent)
async def replay(box: Box) -> Case:
    event = _missed(box)
    url = box.webhooks.webhook_url
    return Case(
        ReplayEvent(event=event.id, type=event.type, url=url),
        lambda _: box.webhooks.handled.count(event.id),
        sent(box.webhooks),
    )


@case(BlockUser)
async def block(box: Box) -> Case:
    user = _user(box)
    return _at_auth0(box, BlockUser(user_id=user.id), "PATCH", f"users/{user.id}")


@case(UnblockUser)
async def unblock(box: Box) -> Case:
    user = _user(box)
    user.is_blocked = True
    return _at_auth0(box, UnblockUser(user_id=user.id), "PATCH", f"users/{user.id}")


@case(RevokeSessions)
async def end_sessions(box: Box) -> Case:
    user = _user(box)
    return _at_auth0(box, RevokeSessions(user_id=user.id), "DELETE", f"users/{user.id}/sessions")


@case(RevokeRefreshTokens)
async def revoke_tokens(box: Box) -> Case:
    user = _user(box)
    path = f"users/{user.id}/refresh-tokens"
    return _at_auth0(box, RevokeRefreshTokens(user_id=user.id), "DELETE", path)


@case(RetryDelivery)
async def retry(box: Box) -> Case:
    event = _missed(box)
    return Case(
        RetryDelivery(event=event.id, type=event.type, endpoint=box.stripe.endpoint),
        lambda _: box.webhooks.handled.count(event.id),
        sent(box.stripe),
    )


def _missed(box: Box) -> Stored:
    return box.stripe.happen("invoice.paid", {"object": "invoice"}, timedelta(minutes=30))


def _user(box: Box) -> User:
    """Who has a session and a refresh token."""
    user = box.auth0.enrol(User(f"auth0|crash{next(NUMBERS)}", "ada@example.com", "Ada"))
    box.auth0.sign_in(user, "198.51.100.7")
    return user


def _at_auth0(box: Box, change: Change, method: str, path: str) -> Case:
    """How often Auth0 was told: told twice, it would have done it twice."""

    def told(_run: str) -> int:
        wanted = (method, f"/api/v2/{path}")
        return sum((one.method, one.path) == wanted for one in box.auth0.calls)

    return Case(change, told, sent(box.auth0, method))
