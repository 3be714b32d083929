"""What happened is announced once, in its place; what somebody must notice is a new message."""

import base64
from dataclasses import replace
from time import process_time
from typing import Any

import pytest

from bot.access.acts import Frozen
from bot.engine.record import Glass, Origin, RunRecord, Said, SaidKind, Thaw
from bot.runbook import Plot
from bot.runbook.findings import Details
from bot.runbook.showing import details_from_json
from bot.slack.announcer import SlackAnnouncer
from bot.slack.views import names
from bot.slack.views.kit import Rendered
from bot.slack.views.plots import draw
from bot.store.deliveries import Delivery, Priority
from tests.slack.views.checking import assert_message, words
from tests.slack.views.sample import (
    HOSTILE,
    after,
    approval,
    approved,
    change,
    hostile_run,
    long_run,
    outage,
    question,
    table,
    with_approval,
)


def announced(run: RunRecord, *said: tuple[SaidKind, str], **more: Any) -> dict[str, Delivery]:
    deliveries = SlackAnnouncer(**more).announce(run, [Said(kind, what) for kind, what in said])
    by_name = {one.name: one for one in deliveries}
    assert len(by_name) == len(deliveries), "a name was announced twice"
    for one in deliveries:
        if one.kind == "message":
            assert_message(Rendered(one.payload["text"], one.payload["blocks"]))
    return by_name


def working() -> RunRecord:
    """A check is still at it."""
    run = outage()
    return replace(
        run, steps={**run.steps, "vendors": replace(run.steps["vendors"], status="working")}
    )


def test_there_is_one_card_whatever_happens() -> None:
    made = announced(working(), ("step started", "services"), ("step ended", "database"))
    assert made["7F3K/card"].priority is Priority.EDIT
    assert announced(outage(), ("run started", ""))["7F3K/card"].priority is Priority.POST
    assert announced(outage(), ("run ended", ""))["7F3K/card"].priority is Priority.FINAL


def test_a_card_that_waits_for_people_goes_before_progress() -> None:
    made = announced(outage(), ("step ended", "database"))
    assert made["7F3K/card"].priority is Priority.FINAL


def test_nothing_said_is_nothing_to_see() -> None:
    assert announced(outage()) == {}


def test_a_step_is_told_below_the_card_with_its_plot_and_file() -> None:
    made = announced(outage(), ("step ended", "services"))
    detail = made["7F3K/step/services#0"]
    assert detail.thread == "7F3K/card"
    assert made["7F3K/step/services#0/file"].payload["filename"] == "a_b.txt"
    plot = made["7F3K/step/services#0/plot"]
    read = details_from_json({"plot": plot.payload["plot"]})["plot"]
    assert isinstance(read, Plot)
    assert draw(read).startswith(b"\x89PNG")
    assert plot.payload["alt_text"]


def test_a_freeze_is_told_in_the_channel_for_everybody_and_its_end_as_a_message_of_its_own() -> (
    None
):
    announcer = SlackAnnouncer({}, "C0ALERTS0")
    stopped = Frozen("odd", by="U0LENA0000", by_name="lena", since=after(0))
    window = replace(stopped, window="Black Friday", lasts="all day", by="")
    told_as = set()
    for frozen in (stopped, window):
        for thaw in (None, Thaw(after(60), "well", "U0LENA0000", "lena")):
            (told,) = announcer.announce_freeze(frozen, thaw)
            assert told.place == "C0ALERTS0" and told.priority is Priority.APPROVAL
            assert_message(Rendered(told.payload["text"], told.payload["blocks"]))
            told_as.add(told.name)
    assert len(told_as) == 4
    assert SlackAnnouncer({}).announce_freeze(stopped) == ()


def test_a_freeze_is_put_on_the_card_and_on_what_waits_for_approval() -> None:
    stopped = Frozen("odd", by="U0LENA0000", by_name="lena", since=after(0))
    asked = approval(frozen=stopped)
    run = replace(with_approval(outage(), asked), frozen=(stopped,))
    made = announced(run, ("freeze changed", ""))
    assert set(made) == {"7F3K/card", f"7F3K/approval/{asked.id}"}
    for one in made.values():
        assert "ALL CHANGES ARE STOPPED" in one.payload["text"]
    done = approval(status="approved")
    assert set(announced(with_approval(outage(), done), ("freeze changed", ""))) == {"7F3K/card"}


GLASS = Glass("U0DANA0000", "nobody else is here", after(300))


def broken(run: RunRecord, **more: Any) -> RunRecord:
    one = approval(status="glass broken", glass=replace(GLASS, **more))
    return with_approval(run, one)


def told_of(
    run: RunRecord, kind: SaidKind = "approval changed", **more: Any
) -> dict[str, Delivery]:
    known: dict[str, Any] = {
        "channel": "C0ALERTS0",
        "breakable": True,
        "reviewers": ("S0SEC0000",),
    }
    return announced(run, (kind, approval().id), **(known | more))


def test_a_broken_glass_is_told_in_the_channel_for_everybody_and_where_the_run_speaks() -> None:
    made = told_of(broken(outage()))
    name = f"7F3K/glass/{approval().id}"
    there, here = made[f"{name}/alerts"], made[name]
    assert (there.place, here.place) == ("C0ALERTS0", "run")
    assert there.priority is here.priority is Priority.APPROVAL
    for one in (there, here):
        assert one.thread is None and "GLASS BROKEN" in one.payload["text"]
        assert "<!subteam^S0SEC0000>" in one.payload["text"]
        assert names.REVIEW in str(one.payload["blocks"])
    assert "GLASS BROKEN" in made[f"7F3K/approval/{approval().id}"].payload["text"]
    assert "GLASS BROKEN" in made["7F3K/card"].payload["text"]


def test_a_broken_glass_is_told_once_where_both_are_the_same_place() -> None:
    name = f"7F3K/glass/{approval().id}"
    run = broken(outage())
    for same in (
        replace(run, room_id="C0ALERTS0"),
        replace(run, room_id="", origin=Origin("C0ALERTS0", "alerts")),
        replace(run, room_id="", origin=Origin(None)),  # speaks where runs without a channel do
    ):
        assert f"{name}/alerts" in told_of(same) and name not in told_of(same)
    assert name in told_of(run, channel="") and f"{name}/alerts" not in told_of(run, channel="")


def test_what_becomes_of_it_is_an_edit_of_the_same_message() -> None:
    run = broken(outage())
    before = set(told_of(run))
    assert set(told_of(run)) == before
    done = approval(status="glass broken", glass=GLASS, outcome="Seen done 14:09:12")
    after_it = told_of(with_approval(outage(), done))
    assert set(after_it) == before
    assert "Seen done" in str(after_it[f"7F3K/glass/{done.id}/alerts"].payload["blocks"])


def test_an_open_review_is_said_each_time_as_a_message_of_its_own() -> None:
    name = f"7F3K/glass/{approval().id}"
    second = told_of(broken(outage(), reminded=2), "review due")
    assert second[f"{name}/due/2"].place == "C0ALERTS0" and f"{name}/due/1" not in second
    assert "REVIEW STILL OPEN" in second[f"{name}/due/2"].payload["text"]
    alone = told_of(broken(outage(), reminded=1), "review due", channel="")
    assert alone[f"{name}/due/1"].place == "run"


def test_a_review_is_shown_wherever_it_was_waited_for() -> None:
    known = {"reviewed_by": "U0LENA0000", "review": "right to do so", "reviewed_at": after(9999)}
    run = broken(outage(), reminded=2, **known)
    name = f"7F3K/glass/{approval().id}"
    shown = {name, f"{name}/alerts", f"{name}/due/1", f"{name}/due/2"}
    shown |= {f"7F3K/approval/{approval().id}", "7F3K/card"}
    made = told_of(run, "glass reviewed")
    assert set(made) == shown
    over = replace(run, status="finished", ended_at=after(900))
    made = told_of(over, "glass reviewed")
    assert set(made) == shown | {"7F3K/result", "7F3K/result/origin"}
    for one in made.values():
        assert "REVIEWED by <@U0LENA0000>" in one.payload["text"], one.name
        assert names.REVIEW not in str(one.payload["blocks"])


def test_the_button_is_on_a_request_only_where_the_policy_lets_somebody() -> None:
    run = with_approval(outage(), approval())
    card = f"7F3K/approval/{approval().id}"
    asked = told_of(run, "approval asked")[card]
    assert names.BREAK_GLASS in str(asked.payload["blocks"])
    asked = told_of(run, "approval asked", breakable=False)[card]
    assert names.BREAK_GLASS not in str(asked.payload["blocks"])


def test_a_step_that_is_done_again_is_told_anew() -> None:
    run = outage()
    again = replace(run.steps["database"], attempt=1)
    run = replace(run, steps={**run.steps, "database": again})
    assert "7F3K/step/database#1" in announced(run, ("step ended", "database"))


def test_what_did_not_happen_is_only_on_the_card() -> None:
    run = outage()
    blocked = replace(run.steps["database"], status="blocked")
    run = replace(run, steps={**run.steps, "database": blocked})
    assert set(announced(run, ("step ended", "database"))) == {"7F3K/card"}


def test_a_table_that_does_not_fit_is_attached() -> None:
    run = outage()
    wide = replace(run.steps["database"], details=Details(table=table(300, 2)))
    made = announced(
        replace(run, steps={**run.steps, "database": wide}), ("step ended", "database")
    )
    content = base64.b64decode(made["7F3K/step/database#0/table"].payload["content"]).decode()
    assert len(content.splitlines()) == 301


def test_an_approval_is_a_new_message_before_everything_else() -> None:
    run = with_approval(outage(), approval())
    made = announced(run, ("approval asked", approval().id), deciders={"operator": ["S0OPS0000"]})
    card = made[f"7F3K/approval/{approval().id}"]
    assert card.priority is Priority.APPROVAL
    assert card.thread is None
    assert "<!subteam^S0OPS0000>" in str(card.payload["blocks"])


def test_a_decision_edits_the_same_message_and_calls_nobody_again() -> None:
    done = approval(status="approved", decisions=(approved(),))
    run = with_approval(outage(), done)
    made = announced(run, ("approval changed", done.id), deciders={"operator": ["S0OPS0000"]})
    card = made[f"7F3K/approval/{done.id}"]
    assert "S0OPS0000" not in str(card.payload["blocks"])
    assert "Deny" not in str(card.payload["blocks"])


def test_a_plan_that_does_not_fit_is_attached_to_its_approval() -> None:
    many = approval(changes=tuple(change(command="x" * 1000) for _ in range(30)))
    made = announced(with_approval(outage(), many), ("approval asked", many.id))
    file = made[f"7F3K/approval/{many.id}/plan"]
    assert file.thread == f"7F3K/approval/{many.id}"
    assert base64.b64decode(file.payload["content"]).decode().count("x" * 1000) == 30


def test_what_nobody_has_to_approve_asks_nobody() -> None:
    alone = approval(people=0, status="approved")
    made = announced(with_approval(outage(), alone), ("approval changed", alone.id))
    assert set(made) == {"7F3K/card"}


@pytest.mark.parametrize("kind", ["ask", "confirm", "unsure", "gone"])
def test_a_question_is_a_new_message_and_closes_in_place(kind: str) -> None:
    run = replace(outage(), questions={"qu_1": question(kind)})
    asked = announced(run, ("question asked", "qu_1"))["7F3K/question/qu_1"]
    assert asked.priority in (Priority.POST, Priority.APPROVAL)
    closed = announced(outage(), ("question closed", "qu_1"), ("step ended", "commander"))
    shown = closed["7F3K/question/qu_1"].payload
    assert "Assign Incident Commander" in shown["text"]
    assert "actions" not in {block["type"] for block in shown["blocks"]}


def test_when_several_steps_moved_a_closed_question_claims_none_of_them() -> None:
    said: list[tuple[SaidKind, str]] = [("step ended", "commander"), ("step ended", "review")]
    made = announced(outage(), ("question closed", "qu_1"), *said)
    assert "card says why" in made["7F3K/question/qu_1"].payload["text"]


def test_an_opened_room_gets_the_card_pinned_and_the_origin_is_told_once() -> None:
    made = announced(outage(), ("room opened", ""))
    assert made["7F3K/card/pin"].payload == {"message": "7F3K/card"}
    assert made["7F3K/started"].place == "origin"
    assert made["7F3K/bookmark"].payload["link"].endswith("channel=C0GENERAL0")


def test_a_run_from_the_terminal_has_no_origin_to_tell() -> None:
    run = replace(outage(), origin=replace(outage().origin, channel_id=None), status="finished")
    made = announced(run, ("room opened", ""), ("run ended", ""))
    assert {one.place for one in made.values()} == {"run"}


def test_the_result_is_a_new_message_here_and_where_it_was_started() -> None:
    run = replace(outage(), status="finished", ended_at=after(600))
    made = announced(run, ("run ended", ""))
    assert made["7F3K/result"].priority is Priority.FINAL
    assert made["7F3K/result/origin"].place == "origin"
    at_home = replace(run, room_name="")
    assert "7F3K/result/origin" not in announced(at_home, ("run ended", ""))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_every_hostile_run_can_be_announced(malice: str) -> None:
    run = hostile_run(malice)
    ended: list[tuple[SaidKind, str]] = [("step ended", key) for key in run.steps]
    made = announced(run, ("room opened", ""), *ended, ("run ended", ""))
    files = [one.payload["filename"] for one in made.values() if one.kind == "file"]
    assert all(name.isascii() and "/" not in name and len(name) <= 100 for name in files)


def test_a_card_of_sixty_steps_takes_a_few_milliseconds() -> None:
    run = long_run()
    begun = process_time()
    for _ in range(20):
        SlackAnnouncer().announce(run, [Said("step ended", "s0_0")])
    assert (process_time() - begun) / 20 < 0.02


def test_the_same_happening_twice_is_the_same_delivery() -> None:
    once = announced(outage(), ("step ended", "services"))
    assert announced(outage(), ("step ended", "services"), ("step ended", "services")) == once
    assert words(once["7F3K/card"].payload["blocks"])
