"""RB-SYNC-002 without Slack, Meta or a database: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.company_data import CompanyData, LastSyncs, Tokens
from adapters.company_data.facts import AccountSync, TokenRow
from adapters.meta import AskedToken, Meta, TokenState, TokenTry
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter, Secret
from bot.runbook.errors import Unreachable
from commands.rb_sync_002_token_refresh import Inputs, NewToken, book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
VALID = TokenState(is_valid=True, is_ours=True, kind="SYSTEM_USER", as_of=NOW)
REVOKED = TokenState(is_valid=False, why="it was revoked", as_of=NOW)
NEW = NewToken(token=Secret(name="runbook-bot/token", version="v1"))


def row(number: int, kind: str = "system_user", left: timedelta | None = None) -> TokenRow:
    return TokenRow(
        business_account=number, organization=number, organization_name=f"Org {number}", kind=kind,
        expires_at=None if left is None else NOW + left, left=left, fingerprint="ab12",
    )  # fmt: skip


EXPIRED, FINE, USER = row(33, left=-2 * DAY), row(12), row(40, "user", 3 * DAY)


def asked(**states: TokenState | None) -> tuple[AskedToken, ...]:
    """By the business account: `of_33=REVOKED`; None could not be asked."""
    return tuple(
        AskedToken(business_account=int(name[3:]), state=one, says="" if one else "no answer")
        for name, one in states.items()
    )


def world(*rows: TokenRow, **other: Any) -> list[Adapter]:
    account = AccountSync(
        organization=33, organization_name="Org 33", account="act_1", name="Brand",
        business_account=33, last_sync=NOW, age=timedelta(0),
    )  # fmt: skip
    meta: dict[str, Any] = {
        "tokens": asked(of_12=VALID),
        "token": VALID,
        "try_token": TokenTry(works=True, says="It works as Somebody, and for act_1"),
        **other,
    }
    tokens, syncs = Tokens(tokens=rows, as_of=NOW), LastSyncs(accounts=(account,), as_of=NOW)
    return [canned(CompanyData, tokens=tokens, last_syncs=syncs), canned(Meta, **meta)]


async def rehearsed(
    systems: list[Adapter], inputs: Inputs | None = None, **more: Any
) -> Rehearsal:
    answers = {"account": EXPIRED, "new_token": NEW}
    return await rehearse(book, inputs or Inputs(), systems, answers=answers, **more)


async def test_a_new_token_is_asked_about_stored_and_tried() -> None:
    seen = await rehearsed(world(EXPIRED, FINE))
    assert seen.says["affected"] == (
        "1 of 2 tokens are to be refreshed: Org 33 (system_user): it has expired 2 days ago"
    )
    assert seen.statuses["affected"] == "warning" and seen.statuses["notify"] == "nothing"
    assert seen.commands == {
        "store": ["store-token 33 --organization 'Org 33' --from secret:runbook-bot/token"]
    }
    assert seen.people == {"store": 1}
    assert seen.says["works"] == "It works as Somebody, and for act_1"
    assert [(hop.book, hop.filled) for hop in seen.offered] == [
        ("RB-SYNC-001", {"organization": "Org 33"})
    ]
    assert seen.is_over


async def test_owners_are_told_of_users_tokens_and_nothing_is_asked_for() -> None:
    seen = await rehearsed(world(USER, FINE))
    assert seen.commands == {
        "notify": [
            "notify-owners 'Org 40' --organization 40 --message"
            " 'Your Meta connection needs refresh' --run 7F3K"
        ]
    }
    assert seen.statuses["account"] == "nothing" and seen.is_over


async def test_who_does_not_let_owners_be_told_can_go_on_with_the_new_token() -> None:
    seen = await rehearsed(world(USER, EXPIRED), denied=["notify"])
    assert seen.held_at == ["notify"]
    seen = await rehearsed(world(USER, EXPIRED), denied=["notify"], go_on=["notify"])
    assert seen.statuses["works"] == "ok"


async def test_a_token_that_was_revoked_is_found_though_it_has_not_expired() -> None:
    seen = await rehearsed(world(row(12, "user"), tokens=asked(of_12=REVOKED)))
    assert "Meta says that the token is not valid: it was revoked" in seen.says["affected"]


async def test_when_all_are_valid_nobody_is_asked_for_anything() -> None:
    seen = await rehearsed(world(FINE))
    assert seen.statuses["affected"] == "ok" and not seen.commands and seen.is_over


async def test_what_meta_could_not_be_asked_about_is_never_called_valid() -> None:
    seen = await rehearsed(world(FINE, tokens=asked(of_12=None)))
    assert seen.statuses["affected"] == "unknown"
    assert seen.says["affected"] == "Meta could not be asked about 1 of 1: no answer"


@pytest.mark.parametrize(
    ("inputs", "verdict"),
    [
        (Inputs(kind="user"), "ok"),
        (Inputs(organization="ORG 33"), "warning"),
        (Inputs(organization="Zebra"), "unknown"),
    ],
)
async def test_only_what_was_asked_for_is_looked_at(inputs: Inputs, verdict: str) -> None:
    rows = (EXPIRED, row(41, "user", 30 * DAY))
    assert (await rehearsed(world(*rows), inputs)).statuses["affected"] == verdict


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"is_valid": False}, "Meta says that the token is not valid"),
        ({"is_ours": False, "app": "9"}, "belongs to another app (9)"),
        ({"missing_scopes": ("ads_management",)}, "it lacks ads_management"),
        ({"kind": "USER"}, "no system user's token, but one of kind USER"),
        ({"expires_at": NOW + DAY}, "It expires in 24 h 00 min"),
    ],
)
async def test_an_unfit_token_holds_the_run_and_is_not_stored_even_when_one_goes_on(
    change: dict[str, Any], says: str
) -> None:
    unfit = VALID.model_copy(update=change)
    seen = await rehearsed(world(EXPIRED, token=unfit))
    assert seen.held_at == ["new_state"] and says in seen.says["new_state"]
    seen = await rehearsed(world(EXPIRED, token=unfit), go_on=["new_state"])
    assert "store" not in seen.commands


async def test_a_new_token_that_cannot_be_asked_about_is_not_stored() -> None:
    silent = world(EXPIRED, token=Unreachable("Meta did not answer"))
    seen = await rehearsed(silent, go_on=["new_state"])
    assert seen.statuses["new_state"] == "unknown" and not seen.commands


async def test_a_stored_token_that_does_not_work_is_a_problem_and_says_what_to_do() -> None:
    seen = await rehearsed(world(EXPIRED, try_token=TokenTry(works=False, says="Refused")))
    assert seen.statuses["works"] == "problem"
    assert seen.says["works"] == "Refused. Undo puts the token of before back"


async def test_an_undone_store_puts_back_what_was_there() -> None:
    expired = world(EXPIRED, try_token=TokenTry(works=False, says="Refused"))
    seen = await rehearsed(expired, picks=["store.undo"])
    assert seen.commands["store.undo"] == [
        "restore-token 33 --organization 'Org 33' --fingerprint ab12"
    ]
