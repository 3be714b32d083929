"""
Our own callback for Meta's webhooks, asked as Meta asks before it subscribes us: it must echo a
challenge alone, and refuse whoever does not know the verify token.

What it answers is what is looked for, so not answering is a fact. Meta puts the verify token into
the address, and so must we; it goes nowhere else.
"""

import secrets

from adapters.http_calls import HttpCalls, Query, may_carry_secrets
from adapters.meta.facts import Endpoint
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential

WHO = "Our callback"
PLAIN = {"connection": "close"}


async def probe(calls: HttpCalls, callback: str, verify: Credential) -> Endpoint:
    """Raises Refused when it cannot be asked at all."""
    if not may_carry_secrets(callback):
        raise Refused(
            f"{WHO} has an address without TLS; no verify token is sent there, nor would Meta."
            " Correct meta.callback_url"
        )
    echoes, says = await _echoes(calls, callback, await verify.value())
    keeps_out, also = await _keeps_strangers_out(calls, callback)
    return Endpoint(
        callback=callback,
        echoes=echoes,
        keeps_strangers_out=keeps_out,
        says="; ".join(filter(None, (says, also))) or "It answers as it should",
    )


async def _echoes(calls: HttpCalls, callback: str, verify: str) -> tuple[bool, str]:
    challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
    try:
        answer = await calls.ask(WHO, callback, _query(challenge, verify), PLAIN)
    except (Unreachable, Refused) as error:
        return False, str(error)
    if answer.status == 403:
        return False, "It does not accept our verify token (HTTP 403)"
    if answer.status != 200:
        return False, f"It answered HTTP {answer.status} to Meta's question"
    if answer.body != challenge.encode():
        what = "a web page" if answer.is_page else "something else"
        return False, f"It answered {what} instead of the challenge alone"
    return True, ""


async def _keeps_strangers_out(calls: HttpCalls, callback: str) -> tuple[bool, str]:
    stranger = secrets.token_hex(16)
    challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
    try:
        answer = await calls.ask(WHO, callback, _query(challenge, stranger), PLAIN)
    except (Unreachable, Refused):
        return False, "Whether it refuses a wrong verify token is not known"
    if answer.status == 403:
        return True, ""
    if answer.status == 200 and challenge.encode() in answer.body:
        return False, "It accepts any verify token: anybody can subscribe to it"
    return False, f"It answered HTTP {answer.status} to a wrong verify token, and not 403"


def _query(challenge: str, verify: str) -> Query:
    return (
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge),
        ("hub.verify_token", verify),
    )
