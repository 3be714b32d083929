"""The card on which people decide shows what will be run, and cannot be mistaken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.access.acts import Frozen
from bot.engine.record import ApprovalRecord, RunRecord
from bot.slack.views import names
from bot.slack.views.approval import approval_card, needs_file
from bot.slack.views.changes import plan_file, whole_plan_text
from bot.slack.views.deciding import approve_modal, deny_modal, read_decision
from bot.slack.views.names import unpack
from tests.slack.views.checking import action_ids, assert_message, elements, labels, words
from tests.slack.views.sample import (
    LENA,
    T0,
    after,
    approval,
    approved,
    change,
    denied,
    destroy,
    outage,
    with_approval,
)

GOLDEN = Path(__file__).parent / "golden"
AT_43 = "complyai-core runs complyai-core:43, 4 of 4 tasks"
BACK_TO_42 = (
    "aws ecs update-service --cluster production --service complyai-core"
    " --task-definition complyai-core:42"
)
CASES = {
    "change_pending": approval(),
    "change_applied": approval(
        status="approved",
        decisions=(approved(reason="seen the logs"),),
        changes=(change(state="applied", seen="4 of 4 tasks on complyai-core:41"),),
        outcome="Applied 14:06:41. Seen done 14:09:12: 4 of 4 tasks healthy.",
    ),
    "change_denied": approval(status="denied", decisions=(denied(),)),
    "change_outdated": approval(
        status="outdated",
        decisions=(approved(),),
        outcome="Not applied: since this was asked, complyai-core moved from 42 to 43.",
    ),
    "change_asked_again": approval(
        id="ap_2",
        asked_at=after(300),
        changes=(
            change(command=BACK_TO_42, now=AT_43, then="complyai-core runs complyai-core:42"),
        ),
    ),
    "change_frozen": approval(
        frozen=Frozen("the primary is odd", by=LENA, by_name="lena", since=T0)
    ),
    "destroy_half_approved": destroy(decisions=(approved(),)),
    "destroy_expired": destroy(status="expired", decisions=(approved(),)),
}
DECIDING = {names.APPROVE, names.APPROVE_DESTROY, names.DENY}


def run_with(case: str) -> RunRecord:
    run = with_approval(outage(), CASES[case])
    if case != "change_asked_again":
        return run
    return replace(run, approvals={"ap_1": CASES["change_outdated"], **run.approvals})


def shown(one: ApprovalRecord) -> str:
    return words(approval_card(one, with_approval(outage(), one)))


@pytest.mark.parametrize("case", CASES)
def test_the_card_is_the_one_that_was_reviewed(case: str) -> None:
    card = approval_card(CASES[case], run_with(case), ["S0OPERATOR"])
    assert_message(card)
    made = {"text": card.text, "blocks": card.blocks}
    assert made == json.loads((GOLDEN / f"{case}.json").read_text())


def test_the_card_says_all_that_an_approver_must_know() -> None:
    text = shown(approval())
    for fact in (
        change().command,
        "complyai-core runs complyai-core:42, 0 of 4 tasks",
        "checked 14:05:58 UTC",
        "--task-definition complyai-core:42",
        "ecs/production/complyai-core",
        "about 4 tasks are replaced",
        "Services affected, Recent deployments",
        "1 of role operator must approve",
        "expires 14:21 UTC (15 min)",
        "<@U0DANA0000> does not count",
    ):
        assert fact in text


def test_the_text_alone_says_what_is_asked_of_whom_until_when() -> None:
    text = approval_card(approval(), outage()).text
    for fact in ("7F3K", "RB-INC-001", "Roll back complyai-core", "CHANGE", "operator", "14:21"):
        assert fact in text
    assert change().command in text


def test_once_it_is_applied_the_card_says_what_was_before_and_what_is_now() -> None:
    done = approval(status="approved", changes=(change(state="applied", seen="runs 41"),))
    assert "before\n  complyai-core runs complyai-core:42, 0 of 4 tasks\n" in shown(done)
    assert "now\n  applied: runs 41  (checked 14:05:58 UTC)" in shown(done)


def test_what_cannot_be_undone_says_so() -> None:
    assert "cannot be undone" in shown(destroy())


@pytest.mark.parametrize("status", ["approved", "denied", "expired", "outdated", "cancelled"])
def test_a_decided_card_has_no_deciding_buttons(status: str) -> None:
    one = approval(status=status)
    card = approval_card(one, with_approval(outage(), one))
    assert not action_ids(card) & DECIDING


def test_the_buttons_carry_the_opaque_id_and_nothing_else() -> None:
    for one in (approval(), destroy()):
        card = approval_card(one, with_approval(outage(), one))
        deciding = [b for b in elements(card, type="button") if b["action_id"] in DECIDING]
        assert {b["value"] for b in deciding} == {one.id}
        assert len(deciding) == 2


def test_a_change_is_confirmed_by_name_in_a_dialog() -> None:
    (button,) = elements(approval_card(approval(), outage()), action_id=names.APPROVE)
    assert button["confirm"]["title"]["text"] == "Approve: Roll back complyai-core"
    assert "complyai-core:41" in button["confirm"]["text"]["text"]


def test_no_single_press_approves_what_destroys() -> None:
    card = approval_card(destroy(), outage())
    assert names.APPROVE not in action_ids(card)
    view = approve_modal(destroy(), outage())
    assert "Type complyai-prod to approve" in words(view)
    typed = [b for b in view["blocks"] if b.get("block_id") == names.TYPED]
    assert typed[0]["optional"] is False


def test_the_modal_shows_the_plan_again_and_who_approved_already() -> None:
    view = approve_modal(destroy(decisions=(approved(),)), outage())
    text = words(view)
    assert destroy().changes[0].command in text
    assert destroy().beware in text and destroy().because in text
    assert "1 more of role operator must approve" in text
    assert [one["user_id"] for one in elements(view, type="user")] == ["U0LENA0000"]
    assert unpack(view["private_metadata"]).about == destroy().id


def test_a_denial_needs_a_reason() -> None:
    (field,) = [b for b in deny_modal(approval(), outage())["blocks"] if b["type"] == "input"]
    assert field["optional"] is False


def test_what_was_typed_comes_back() -> None:
    state = {
        names.TYPED: {names.VALUE: {"type": "plain_text_input", "value": " complyai-prod "}},
        names.REASON: {names.VALUE: {"type": "plain_text_input", "value": None}},
    }
    assert read_decision(state) == ("complyai-prod", "")
    assert read_decision({}) == ("", "")


def test_a_plan_that_does_not_fit_is_shown_in_whole_commands_and_said_to_be_attached() -> None:
    many = approval(changes=tuple(change(command=f"step {n} " + "x" * 400) for n in range(40)))
    assert needs_file(many)
    card = approval_card(many, outage())
    for block in elements(card, type="rich_text_preformatted"):
        assert block["elements"][0]["text"] in [one.command for one in many.changes]
    assert "of 40 changes are too long to be shown here" in words(card)
    assert plan_file(many) in words(card)


def test_a_command_is_never_cut() -> None:
    long = approval(changes=(change(command="delete " + "x" * 5000),))
    card = approval_card(long, outage())
    assert not elements(card, type="rich_text_preformatted")
    assert needs_file(long)
    assert change(command="delete " + "x" * 5000).command in whole_plan_text(long, outage())


def test_the_whole_plan_has_every_change_and_the_digest() -> None:
    text = whole_plan_text(destroy(changes=(change(), destroy().changes[0])), outage())
    assert change().command in text
    assert destroy().changes[0].command in text
    assert "cannot be undone" in text
    assert "ab" * 32 in text


def test_a_hidden_character_in_a_command_is_seen() -> None:
    assert "⟨U+202E⟩" in shown(approval(changes=(change(command="drop \u202exyz"),)))


def test_a_new_plan_is_offered_only_for_what_did_not_happen() -> None:
    for status, offered in (("expired", True), ("denied", True), ("cancelled", False)):
        one = approval(status=status)
        assert (
            "Plan again" in labels(approval_card(one, with_approval(outage(), one)))
        ) is offered
    one = approval(status="expired")
    newer = replace(approval(), id="newer")
    run = with_approval(outage(), one)
    superseded = replace(run, approvals={**run.approvals, "newer": newer})
    assert "Plan again" not in labels(approval_card(one, superseded))
    over = replace(run, status="finished")
    assert "Plan again" not in labels(approval_card(one, over))


def test_a_plan_of_a_run_that_is_being_cancelled_cannot_be_approved() -> None:
    one = approval()
    run = replace(with_approval(outage(), one), status="cancelling")
    assert not action_ids(approval_card(one, run)) & DECIDING


@pytest.mark.parametrize(("sign", "seen"), [("\t", "⟨U+0009⟩"), ("\r\n", "⟨U+000D⟩")])
def test_a_command_shows_also_what_only_looks_like_blanks(sign: str, seen: str) -> None:
    said = f"aws ssm put-parameter --name x --value 'a{sign}b'"
    asked = approval(changes=(change(command=said, undo=said),))
    shown = approval_card(asked, with_approval(outage(), asked))
    assert words(shown).count(seen) == 3  # The command, what takes it back, and the confirmation.
    assert whole_plan_text(asked, outage()).count(seen) == 2
