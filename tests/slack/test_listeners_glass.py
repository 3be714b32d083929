"""Breaking the glass and reviewing it: through a form, never by a single press."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.access.member import Member
from bot.access.policy import DEFAULT
from bot.engine.intents import Refusal
from bot.engine.record import Glass, OpenReview
from bot.slack.views import names
from bot.slack.views.approval import approval_card
from bot.slack.views.glass import glass_card
from tests.slack.office import DANA, LENA, Office, office
from tests.slack.small_desk import AT, approval, run

pytestmark = pytest.mark.slow

WHY, FOUND = "Nobody answers the page.", "Right to do so."
GLASS = Glass(DANA, WHY, AT)
OPEN = OpenReview("ap1", "7F3K", "RB-INC-001", "Roll back", DANA, GLASS)
CLOSED = Glass(DANA, WHY, AT, reviewed_by=LENA, review=FOUND, reviewed_at=AT + timedelta(days=1))
MAY = DEFAULT.may.model_copy(update={"break_glass": ("operator",), "review": ("security",)})


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        made.desk.policy = DEFAULT.model_copy(update={"may": MAY})
        made.directory.members[LENA] = Member(LENA, "lena", frozenset({"security"}))
        yield made


async def asked(bot: Office) -> str:
    return await bot.post(approval_card(approval("CHANGE"), run(), breakable=True))


async def was_broken(bot: Office, glass: Glass = GLASS) -> str:
    bot.desk.glass, bot.desk.to_review = glass, (OPEN,)
    found = await bot.desk.approval("ap1")
    assert found
    return await bot.post(glass_card(*found, [LENA]))


async def test_the_glass_is_broken_by_typing_the_target_and_a_reason(bot: Office) -> None:
    ts = await asked(bot)
    await bot.press(ts, names.BREAK_GLASS)
    assert bot.desk.noted == [], "no single press breaks it"
    await bot.form(names.GLASS_MODAL)
    no = {"typed": "This must be exactly complyai-prod", "reason": "Say why in a sentence"}
    bot.desk.refusal = Refusal("The glass is not broken.", no)
    ack = await bot.submit(typed="complyai", reason="because")
    assert ack.errors == no and bot.desk.noted == []
    bot.desk.refusal, bot.desk.says = None, "The glass is broken."
    await bot.submit(typed="complyai-prod", reason=WHY)
    done = {"by": DANA, "id": "ap1", "reason": WHY, "typed": "complyai-prod"}
    assert bot.desk.noted == [("break", done)]
    assert "The glass is broken." in await bot.whispered()
    assert bot.slack.views(DANA) == []


async def test_who_may_not_is_told_before_a_form_is_opened(bot: Office) -> None:
    await bot.press(await asked(bot), names.BREAK_GLASS, user=LENA)
    assert "You need the role operator" in await bot.whispered(LENA)
    await bot.press(await was_broken(bot), names.REVIEW)
    await bot.settled()
    assert "You need the role security" in await bot.whispered()
    assert bot.slack.views(LENA) == bot.slack.views(DANA) == []
    assert [(what, by) for what, by, _ in bot.desk.refused] == [
        ("BreakGlass", LENA),
        ("Review", DANA),
    ]


async def test_a_decision_that_came_before_is_said_and_no_word_is_lost(bot: Office) -> None:
    await bot.press(await asked(bot), names.BREAK_GLASS)
    await bot.form(names.GLASS_MODAL)
    bot.desk.refusal = Refusal("This was denied already by <@U0LENA>.")
    ack = await bot.submit(typed="complyai-prod", reason=WHY)
    assert ack.errors == {"reason": "This was denied already by <@U0LENA>."}


async def test_a_review_is_closed_with_what_was_found(bot: Office) -> None:
    await bot.press(await was_broken(bot), names.REVIEW, user=LENA)
    form = await bot.form(names.REVIEW_MODAL, LENA)
    assert WHY in str(form["blocks"])
    ack = await bot.submit(LENA)
    assert "reason" in ack.errors, "Slack itself wants something written"
    await bot.submit(LENA, reason=FOUND)
    assert bot.desk.noted == [("review", {"by": LENA, "id": "ap1", "found": FOUND})]


async def test_what_is_reviewed_or_never_was_broken_opens_no_form(bot: Office) -> None:
    ts = await was_broken(bot)
    for glass in (CLOSED, None):
        bot.desk.glass = glass
        await bot.press(ts, names.REVIEW, user=LENA)
        await bot.settled()
        assert "There is nothing to review here" in await bot.whispered(LENA)
    assert bot.slack.views(LENA) == []


async def test_open_reviews_are_listed_with_a_button_only_for_who_may(bot: Office) -> None:
    assert "No broken glass waits" in await bot.told("reviews")
    bot.desk.to_review = (OPEN,)
    assert WHY in await bot.told("reviews")
    own, other = await bot.type("reviews"), await bot.type("reviews", LENA)
    assert names.REVIEW not in str(own.payload["blocks"])
    assert names.REVIEW in str(other.payload["blocks"])
    assert "/runbook reviews" in str((await bot.type("help")).payload["blocks"])


async def test_status_and_home_say_which_reviews_are_open(bot: Office) -> None:
    bot.desk.to_review = (OPEN,)
    assert "nobody else has looked" in await bot.told("status")
    await bot.slack.open_home(DANA)
    home = await bot.slack.wait_for(lambda: bot.slack.home(DANA))
    assert home and WHY in str(home["blocks"])
