"""A broken glass is asked for loudly, seen wherever the change is, and never called approved."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.access.acts import Frozen
from bot.engine.record import ApprovalRecord, Glass, OpenReview, RunRecord
from bot.slack.views import ephemeral, names
from bot.slack.views.approval import approval_card
from bot.slack.views.breaking import glass_modal, review_modal
from bot.slack.views.card import card
from bot.slack.views.changes import whole_plan_text
from bot.slack.views.glass import glass_card, review_due, reviews
from bot.slack.views.home import home
from bot.slack.views.names import unpack
from bot.slack.views.results import finished
from bot.slack.views.timeline import timeline, timeline_text
from tests.slack.views.checking import (
    action_ids,
    assert_message,
    assert_view,
    elements,
    labels,
    words,
)
from tests.slack.views.sample import (
    DANA,
    HOSTILE,
    LENA,
    RAVI,
    T0,
    after,
    approval,
    approved,
    change,
    destroy,
    hostile_approval,
    hostile_run,
    outage,
    with_approval,
)

GOLDEN = Path(__file__).parent / "golden"
WHY = "Nobody answers the page and customers cannot pay."
FOUND = "Right to do so. On-call needs a second person."
OPEN = Glass(DANA, WHY, after(300))
CLOSED = replace(OPEN, reminded=1, reviewed_by=LENA, review=FOUND, reviewed_at=after(100_000))
FROZEN = replace(OPEN, despite="frozen by @lena at 14:02 UTC: the primary is odd")
REVIEWERS = ("S0SECURITY", RAVI)
DONE = "Applied 14:07:01. Seen done 14:09:12: 4 of 4 tasks healthy."


def broken(glass: Glass = OPEN, **more: Any) -> ApprovalRecord:
    made = {"status": "glass broken", "glass": glass, "type_to_break": "complyai-core"}
    return approval(**(made | more))


def run_of(one: ApprovalRecord) -> RunRecord:
    return with_approval(outage(), one)


def ended(one: ApprovalRecord) -> RunRecord:
    return replace(run_of(one), status="finished", ended_at=after(900))


def waiting(glass: Glass = OPEN, plan: str = "ap1") -> OpenReview:
    return OpenReview(plan, "7F3K", "RB-INC-001", "Roll back complyai-core", DANA, glass)


CASES: dict[str, Any] = {
    "glass_modal": glass_modal(
        replace(broken(), status="pending", glass=None, frozen=Frozen("odd", by=LENA, since=T0)),
        outage(),
    ),
    "glass_card": approval_card(
        broken(FROZEN, decisions=(approved(),), people=2), run_of(broken())
    ),
    "glass_announced": glass_card(broken(FROZEN), run_of(broken()), REVIEWERS),
    "glass_reviewed": glass_card(broken(CLOSED, outcome=DONE), ended(broken()), REVIEWERS),
    "glass_review_due": review_due(broken(outcome=DONE), ended(broken()), REVIEWERS),
    "glass_review_modal": review_modal(broken(outcome=DONE), ended(broken())),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_is_what_was_reviewed(case: str) -> None:
    made = CASES[case]
    if isinstance(made, dict):
        assert_view(made)
    else:
        assert_message(made)
        made = {"text": made.text, "blocks": made.blocks}
    assert made == json.loads((GOLDEN / f"{case}.json").read_text())


def test_a_pending_card_offers_it_last_and_only_where_the_policy_lets_somebody() -> None:
    for one in (approval(), destroy(), approval(frozen=Frozen("odd", by=LENA, since=T0))):
        shown = approval_card(one, run_of(one), breakable=True)
        assert_message(shown)
        (button,) = elements(shown, action_id=names.BREAK_GLASS)
        assert (button["value"], button["style"]) == (one.id, "danger")
        assert labels(shown)[-1] == "Break glass…"
        assert names.BREAK_GLASS not in action_ids(approval_card(one, run_of(one)))
    for status in ("approved", "denied", "expired", "glass broken"):
        one = approval(status=status)
        assert names.BREAK_GLASS not in action_ids(approval_card(one, run_of(one), (), True))
    over = replace(run_of(approval()), status="cancelling")
    assert names.BREAK_GLASS not in action_ids(approval_card(approval(), over, (), True))


def test_the_form_says_in_plain_words_what_will_happen() -> None:
    asked = replace(broken(), status="pending", glass=None)
    view = glass_modal(asked, run_of(asked))
    said = words(view)
    for fact in (
        "THIS GOES THROUGH WITHOUT APPROVAL",
        "1 of role operator must approve. Nobody is waited for: the button below",
        "Everybody is told at once",
        "Somebody else reviews it",
        "once",
        change().command,
        "Type complyai-core to break the glass",
        "Why can this not wait?",
    ):
        assert fact in said, fact
    fields = [one for one in view["blocks"] if one["type"] == "input"]
    assert [one["block_id"] for one in fields] == [names.TYPED, names.REASON]
    assert not any(one["optional"] for one in fields)
    assert unpack(view["private_metadata"]).about == asked.id
    assert "primary" not in json.dumps(view)


def test_the_form_says_which_freeze_it_passes() -> None:
    frozen = replace(broken(), status="pending", glass=None, frozen=Frozen("odd", by=LENA))
    assert "it is made all the same: \nALL CHANGES ARE STOPPED" in words(
        glass_modal(frozen, outage())
    )


def everywhere(glass: Glass) -> dict[str, tuple[str, str]]:
    """Its text and all that stands in it, of each place where the change is shown."""
    one = broken(glass)
    run, over = run_of(one), ended(one)
    text = whole_plan_text(one, run)
    made = {
        "approval": approval_card(one, run),
        "card": card(run),
        "result": finished(over),
        "timeline": timeline(over),
        "status": ephemeral.status([run]),
        "history": ephemeral.history([over]),
    }
    shown = {name: (one.text, words(one)) for name, one in made.items()}
    shown["home, running"] = (words(home([run], [])),) * 2
    shown["home, lately"] = (words(home([], [over])),) * 2
    shown["file"] = (timeline_text(over),) * 2
    return shown | {"whole plan": (text, text)}


def test_it_is_seen_everywhere_with_who_and_why_and_is_called_approved_nowhere() -> None:
    for place, said in everywhere(OPEN).items():
        for one in said:
            assert "GLASS BROKEN" in one, place
            assert "approved" not in one.lower(), place
        assert WHY in said[1], place
        assert DANA in said[0] or "home" in place, place


def test_that_nobody_else_has_looked_is_seen_until_somebody_has() -> None:
    for place, said in everywhere(OPEN).items():
        if place not in ("timeline", "file"):
            assert "NOT REVIEWED YET" in said[1] or "nobody else has looked" in said[1], place
    for place, said in everywhere(CLOSED).items():
        assert "NOT REVIEWED YET" not in f"{said}", place
        assert "REVIEWED" in said[1], place


def test_the_message_for_everybody_says_who_what_why_and_who_is_to_look() -> None:
    shown = glass_card(broken(FROZEN), run_of(broken()), REVIEWERS)
    for said in (shown.text, words(shown)):
        for fact in ("GLASS BROKEN", "2026-03-06 14:07 UTC", WHY, change().command, "7F3K"):
            assert fact in said, fact
        assert "without approval: 1 of role operator had to give it. Changes were frozen" in said
        assert "<!subteam^S0SECURITY>, <@U0RAVI0000>" in said
    assert f"<@{DANA}>" in shown.text
    assert labels(shown) == ["Reviewed…", "Show the whole plan", "Show the run"]
    (button,) = elements(shown, action_id=names.REVIEW)
    assert button["value"] == broken().id
    nobody = glass_card(broken(), run_of(broken()), ())
    assert "Nobody has a role that may review it" in nobody.text


def test_once_it_is_reviewed_the_button_is_gone_and_nobody_is_called() -> None:
    for made in (glass_card, review_due):
        shown = made(broken(CLOSED), ended(broken(CLOSED)), REVIEWERS)
        assert_message(shown)
        assert names.REVIEW not in action_ids(shown)
        assert "S0SECURITY" not in f"{shown.text} {shown.blocks}"
        assert FOUND in shown.text and FOUND in words(shown)
        assert "2026-03-07 17:48 UTC" in shown.text
        assert elements(shown, type="user", user_id=LENA)


def test_a_plan_that_is_too_long_is_shown_in_whole_commands() -> None:
    long = tuple(change(command=f"step {n} " + "x" * 900) for n in range(30))
    shown = glass_card(broken(changes=long), run_of(broken()), REVIEWERS)
    assert_message(shown)
    for block in elements(shown, type="rich_text_preformatted"):
        assert block["elements"][0]["text"] in [one.command for one in long]
    assert "commands more, to ecs/production/complyai-core: see the whole plan" in words(shown)


def test_open_reviews_are_listed_with_a_button_for_who_may() -> None:
    found = [waiting(plan=f"ap{n}") for n in range(25)]
    shown = reviews(found, {"ap0", "ap2"})
    assert_message(shown)
    assert [one["value"] for one in elements(shown) if one.get("value", "").startswith("ap")][:2]
    able = [b for b in elements(shown, type="button") if b["action_id"].startswith(names.REVIEW)]
    assert [one["value"] for one in able] == ["ap0", "ap2"]
    assert "and 5 more" in words(shown)
    assert "No broken glass waits" in reviews([], ()).text
    many = ephemeral.status([], (), found)
    assert_message(many)
    assert ", and 22 more" in words(many) and "/runbook reviews" in words(many)
    assert_view(home([], [], (), found))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_mention_nobody_and_are_taken(malice: str) -> None:
    glass = Glass(malice, malice, T0, malice, 2, malice, malice, after(9))
    for one_glass in (glass, replace(glass, reviewed_at=None)):
        known: dict[str, Any] = {"glass": one_glass, "type_to_break": malice, "decisions": ()}
        one = hostile_approval(malice, status="glass broken", **known)
        run = with_approval(hostile_run(malice), one)
        over = replace(run, status="stopped", ended_at=run.updated_at)
        open_one = OpenReview("ap1", run.id, malice, malice, malice, one_glass)
        shown = [
            approval_card(one, run),
            glass_card(one, run, REVIEWERS),
            review_due(one, run, [malice]),
            card(run),
            finished(over),
            timeline(over),
            ephemeral.status([run], (), [open_one] * 9),
            ephemeral.history([replace(over, id=f"R{n}") for n in range(30)]),
            reviews([open_one], {"ap1"}),
        ]
        for message in shown:
            assert_message(message)
            said = message.text.replace("<!subteam^S0SECURITY>, <@U0RAVI0000>", "")
            assert "<!" not in said and "<http" not in said and "<@" not in said
        assert_view(glass_modal(replace(one, status="pending", glass=None), run))
        assert_view(review_modal(one, run))
        assert_view(home([run] * 12, [over] * 12, (), [open_one] * 9))
        assert whole_plan_text(one, run)


def test_many_broken_glasses_fit_a_card() -> None:
    long = replace(OPEN, reason="x" * 1000, review="y" * 1000, reviewed_at=T0, reviewed_by=LENA)
    many = {f"ap{n}": broken(long, id=f"ap{n}", title="t" * 300) for n in range(12)}
    run = replace(outage(), approvals=many)
    for shown in (card(run), finished(replace(run, status="finished", ended_at=after(9)))):
        assert_message(shown)
        assert words(shown).count("GLASS BROKEN") == 3
        assert "and 9 before" in words(shown)
    listed = ephemeral.status([replace(run, id=f"R{n}") for n in range(20)])
    assert_message(listed)
    assert words(listed).count("(REVIEWED, 12 times)") == 20
