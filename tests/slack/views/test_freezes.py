"""A freeze is seen where people look, with who and why; and a person is offered what they may."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.access.acts import Frozen
from bot.engine.record import RunRecord, Thaw
from bot.slack.views import ephemeral, names
from bot.slack.views.approval import approval_card
from bot.slack.views.card import card
from bot.slack.views.catalogue import catalogue_modal, summaries
from bot.slack.views.freezes import announced, freeze_lines, freeze_text
from bot.slack.views.home import home
from tests.slack.views.checking import (
    action_ids,
    assert_message,
    assert_view,
    elements,
    labels,
    words,
)
from tests.slack.views.sample import (
    HOSTILE,
    LENA,
    T0,
    approval,
    destroy,
    outage,
    outage_outline,
    with_approval,
)

STOPPED = Frozen("the primary is odd", by=LENA, by_name="lena", since=T0)
WINDOW = Frozen("the sale", "Black Friday", "Fri 00:00 to 24:00 UTC", ("rds/*",), since=T0)
BOOKS = {"RB-INC-001": outage_outline(), "RB-DB-001": replace(outage_outline(), book="RB-DB-001")}
WHY = "You need the role dba to start RB-DB-001. Whoever keeps the bot's policy gives roles."


def frozen(run: RunRecord, *freezes: Frozen) -> RunRecord:
    return replace(run, frozen=freezes)


def test_a_runs_card_says_that_changes_are_stopped_by_whom_and_why() -> None:
    shown = card(frozen(outage(), STOPPED))
    assert_message(shown)
    for said in (shown.text, words(shown)):
        assert "ALL CHANGES ARE STOPPED" in said and "the primary is odd" in said
        assert "14:02" in said
    assert f"<@{LENA}>" in shown.text
    assert elements(shown, type="user", user_id=LENA)


@pytest.mark.parametrize("change", [{"dry": True}, {"status": "finished"}])
def test_what_changes_nothing_any_more_does_not_speak_of_it(change: dict[str, Any]) -> None:
    assert "STOPPED" not in card(replace(frozen(outage(), STOPPED), **change)).text


def test_a_request_that_is_frozen_says_so_and_cannot_be_approved_but_denied() -> None:
    for asked in (approval(frozen=STOPPED), destroy(frozen=WINDOW)):
        shown = approval_card(asked, with_approval(outage(), asked))
        assert_message(shown)
        assert not {names.APPROVE, names.APPROVE_DESTROY} & action_ids(shown)
        assert {names.DENY, names.WHOLE_PLAN} <= action_ids(shown)
        for said in (shown.text, words(shown)):
            assert "It cannot be approved now." in said
            assert asked.frozen and asked.frozen.why in said
    thawed = approval_card(approval(), with_approval(outage(), approval()))
    assert names.APPROVE in action_ids(thawed) and "cannot be approved" not in thawed.text


def test_what_was_not_applied_because_of_a_freeze_can_be_planned_again() -> None:
    why = "Not applied: frozen by @lena at 14:02 UTC: the primary is odd. Nothing was changed."
    asked = approval(status="frozen", outcome=why)
    run = with_approval(outage(), asked)
    shown = approval_card(asked, run)
    assert shown.text.startswith("NOT APPLIED") and why in words(shown)
    assert "Plan again" in labels(shown) and "Approve…" not in labels(shown)


def test_everybody_is_told_when_it_begins_and_when_it_is_over() -> None:
    begun = announced(STOPPED, None)
    over = announced(STOPPED, Thaw(T0 + timedelta(minutes=9), "all well", LENA, "lena"))
    closed = announced(WINDOW, Thaw(T0))
    for shown in (begun, over, closed):
        assert_message(shown)
    assert "STOPPED by <@U0LENA0000>" in begun.text and "/runbook thaw" in begun.text
    assert "CHANGES GO ON" in over.text and "14:11" in over.text and "all well" in over.text
    assert "planned and asked for anew" in over.text
    assert "change freeze Black Friday" in closed.text and "is over" in closed.text


def test_status_and_home_show_what_is_frozen_also_when_nothing_runs() -> None:
    for shown in (ephemeral.status([], [STOPPED, WINDOW]), ephemeral.status([outage()], [WINDOW])):
        assert_message(shown)
        assert "Black Friday" in shown.text and "rds/*" in words(shown)
    assert "Nothing runs" in ephemeral.status([], [STOPPED]).text
    view = home([outage()], [], [STOPPED])
    assert_view(view)
    assert "ALL CHANGES ARE STOPPED" in words(view)


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_reason_mentions_nobody_and_is_taken(malice: str) -> None:
    switch = replace(STOPPED, why=malice, by=malice, by_name=malice)
    window = Frozen(malice, malice or "x", malice, (malice,) * 20, since=T0)
    asked = approval(frozen=window)
    for shown in (
        announced(switch, None),
        announced(window, None),
        announced(switch, Thaw(T0, malice, malice, malice)),
        card(frozen(outage(), switch, window, window, window)),
        approval_card(asked, with_approval(outage(), asked)),
        ephemeral.status([], [switch, window]),
        ephemeral.usage({"RB-DB-001": BOOKS["RB-DB-001"]}, {"RB-DB-001": malice}),
    ):
        assert_message(shown)
        own = ("<@U0DANA0000>", "<@U0RAVI0000>")
        said = shown.text
        for one in own:
            said = said.replace(one, "")
        assert "<!" not in said and "<http" not in said and "<@" not in said
    assert_view(home([], [], [switch] * 9))
    assert freeze_lines([]) == [] and freeze_text(window)


# What one person alone is offered.


def test_somebody_who_may_not_lead_sees_the_card_without_its_buttons() -> None:
    run = replace(outage(), held=("services",), undoable=("roll_back",))
    seen = card(run, may_lead=False)
    assert action_ids(seen) == {names.TIMELINE}
    assert "The run waits" in words(seen)
    assert names.PICK in {one.split(":")[0] for one in action_ids(card(run))}


def test_a_runbook_that_one_may_not_start_is_listed_with_who_may() -> None:
    shown = ephemeral.usage(BOOKS, {"RB-DB-001": WHY})
    assert_message(shown)
    assert "RB-DB-001" in shown.text and "You need the role dba" in words(shown)
    many = {f"RB-{n}": replace(outage_outline(), book=f"RB-{n}") for n in range(70)}
    assert_message(ephemeral.usage(many, dict.fromkeys(many, WHY)))


def test_help_leaves_out_what_one_may_not_do() -> None:
    shown = words(ephemeral.usage(BOOKS, {}, {"catalogue", "status"}))
    assert "/runbook status" in shown
    for word in ("freeze", "cancel", "dry", "RB-INC-001 severity"):
        assert f"/runbook {word}" not in shown


def test_the_catalogue_shows_such_a_runbook_without_the_way_to_start_it() -> None:
    books = summaries(BOOKS, [], {"RB-DB-001": WHY})
    whole = catalogue_modal(books, chosen="RB-DB-001")
    assert_view(whole)
    assert "submit" not in whole and "You need the role dba" in words(whole)
    assert "submit" in catalogue_modal(books, chosen="RB-INC-001")
    listed = catalogue_modal(books)
    assert_view(listed)
    assert words(listed).count("· to read") == 1


def test_an_unknown_id_offers_only_what_one_may_start() -> None:
    shown = ephemeral.unknown_book("RB-DB-01", ["RB-DB-001", "RB-INC-001"], BOOKS, {"RB-DB-001"})
    assert "RB-DB-001" in shown.text
    assert [one for one in labels(shown) if one.startswith("Run")] == ["Run RB-INC-001"]
