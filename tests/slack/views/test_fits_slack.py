"""Whatever a run is like and whatever systems say, Slack takes every message and every form."""

from dataclasses import replace

import pytest

from bot.engine.intents import Noted, Refusal
from bot.engine.record import RunRecord, StepStatus
from bot.slack.views import ephemeral
from bot.slack.views.approval import approval_card
from bot.slack.views.card import card
from bot.slack.views.catalogue import catalogue_modal, summaries
from bot.slack.views.deciding import approve_modal, deny_modal
from bot.slack.views.home import home
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Metadata
from bot.slack.views.question import answer_modal, closed_question_card, question_card, reminder
from bot.slack.views.results import finished, started
from bot.slack.views.start import start_modal
from bot.slack.views.step import step_detail
from bot.slack.views.timeline import timeline
from tests.hostile import NOBODY
from tests.live import assert_inert
from tests.slack.views.checking import assert_message, assert_view
from tests.slack.views.sample import (
    DANA,
    HOSTILE,
    destroy,
    hostile_approval,
    hostile_run,
    long_run,
    outage,
    question,
    with_approval,
)

RUNS = [outage(), long_run(), long_run(40, 3), *map(hostile_run, HOSTILE)]


def messages_of(run: RunRecord) -> list[Rendered]:
    ended = replace(run, status="stopped", ended_at=run.updated_at)
    one = next(iter(run.steps.values()))
    return [
        card(run),
        card(ended),
        card(run, behind_s=14),
        *(step_detail(run, step) for step in run.steps.values()),
        started(run),
        finished(ended),
        timeline(ended),
        closed_question_card(run, one),
        closed_question_card(run, None),
        ephemeral.status([replace(run, id=f"R{n}") for n in range(40)]),
        ephemeral.history([ended]),
        ephemeral.usage({f"RB-{n}": run.outline for n in range(70)}),
    ]


@pytest.mark.parametrize("run", RUNS, ids=range(len(RUNS)))
def test_every_message_of_a_run_is_taken(run: RunRecord) -> None:
    for shown in messages_of(run):
        assert_message(shown)


@pytest.mark.parametrize("run", RUNS, ids=range(len(RUNS)))
def test_every_form_of_a_run_is_taken(run: RunRecord) -> None:
    books = summaries({f"RB-{n}": run.outline for n in range(200)}, [run])
    for page in range(8):
        assert_view(catalogue_modal(books, metadata=Metadata(page=page)))
    assert_view(catalogue_modal(books, "outage " * 100, run.outline.book))
    assert_view(home([run] * 30, [run] * 30))
    menu = {"services": [f"service-{n}" for n in range(1500)]}
    for values in ({}, {"services": ["service-3"], "brief_desc": "x" * 9000}):
        assert_view(start_modal(run.outline, menu, values, {"brief_desc": "no", "other": "no"}))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "status", ["pending", "approved", "denied", "expired", "outdated", "frozen", "glass broken"]
)
def test_every_approval_is_taken(malice: str, status: str) -> None:
    asked = hostile_approval(malice, status=status)
    run = with_approval(hostile_run(malice), asked)
    assert_message(approval_card(asked, run, ["S0OPERATOR", "U0LENA0000", malice]))
    assert_view(approve_modal(replace(asked, effect="DESTROY"), run))
    assert_view(deny_modal(asked, run))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["ask", "confirm", "unsure"])
def test_every_question_is_taken(malice: str, kind: str) -> None:
    asked = question(kind, title=malice, text=malice, proposed={"user_id": malice})
    choices = tuple((f"{malice}{n}", {"user_id": str(n)}) for n in range(250))
    for one in (asked, replace(asked, choices=choices), replace(asked, choices=choices[:2])):
        assert_message(question_card(one, hostile_run(malice)))
    assert_message(reminder(replace(asked, owner=malice, left_s=86_400), hostile_run(malice)))
    assert_view(answer_modal(asked, outage(), {"user_id": malice or "wrong"}))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_every_question_about_a_step_that_is_missing_is_taken(malice: str) -> None:
    assert_message(question_card(question("gone", title=malice, text=malice), hostile_run(malice)))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_every_private_answer_is_taken(malice: str) -> None:
    said = malice if malice.strip() else "no"
    for shown in (
        ephemeral.sentence(said),
        ephemeral.noted(Noted(malice)),
        ephemeral.refused(Refusal(said, {said: said}, ("RB-INC-001",))),
        ephemeral.unknown_book(malice, ["RB-INC-001"], {"RB-INC-001": outage().outline}),
        ephemeral.plan(said),
    ):
        assert_message(shown)


def test_a_plan_of_a_hundred_changes_is_taken() -> None:
    many = destroy(changes=destroy().changes * 100)
    assert_message(approval_card(many, with_approval(outage(), many)))
    assert_view(approve_modal(many, outage()))


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_a_system_said_mentions_links_or_formats(malice: str) -> None:
    run = hostile_run(malice)
    asked = hostile_approval(malice)
    questions = [
        question(kind, title=malice, text=malice) for kind in ("ask", "confirm", "unsure", "gone")
    ]
    all_there_is: tuple[Rendered | View, ...] = (
        approval_card(asked, with_approval(run, asked)),
        *messages_of(run),
        *(question_card(one, run) for one in questions),
        *(reminder(one, run) for one in questions),
        *(answer_modal(one, run, {"user_id": malice}) for one in questions),
        approve_modal(replace(asked, effect="DESTROY"), run),
        deny_modal(asked, run),
        home([run], [run]),
        catalogue_modal(summaries({"RB-1": run.outline}, [run]), malice),
        start_modal(run.outline, {"services": [malice]}, {"brief_desc": malice}, {"x": malice}),
    )
    for shown in all_there_is:
        assert_inert(shown)  # Nobody of these runs has an id that is one.


@pytest.mark.parametrize("status", ["asked", "unknown", "failed"])
def test_only_an_answer_names_a_person(status: StepStatus) -> None:
    """A question, and why it could not be asked, are words of others."""
    run = outage()
    step = replace(run.steps["commander"], status=status, says=f"<@{NOBODY}>")
    assert_inert(step_detail(run, step))
    assert_inert(card(replace(run, steps={"commander": step})), mine=DANA)
