"""
RB-INC-001 at the sandbox's page: typed and clicked in a real browser, with the real bot.

Each test leaves its screenshots in var/screenshots, in a folder of its name.
"""

import re
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import expect

from sandbox.box import Box
from tests.scenarios.browser import chromium, window
from tests.scenarios.company import bot_in
from tests.scenarios.screen import Screen

START = "/runbook RB-INC-001 brief_desc=core-down"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("profile")) as address:
        yield address


@pytest.fixture
async def screen(browser: str, request: pytest.FixtureRequest) -> AsyncIterator[Screen]:
    """One window. Whatever the browser complains about fails the test."""
    pictures = request.config.rootpath / "var" / "screenshots" / request.node.name
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    async with window(browser) as context:
        shown = Screen(await context.new_page(), pictures)
        yield shown
        await shown.picture("the end")
        assert shown.troubles == []


async def test_a_bad_deploy_is_rolled_back_by_typing_and_clicking(
    company: Box, screen: Screen
) -> None:
    await screen.opens(company.slack.url)
    await screen.breaks("A bad deployment")
    await _starts_by_the_form(screen)
    await _reads_what_was_found(screen)
    await _asks_for_the_rollback_and_may_not_approve_it(screen)
    await _approves_as_somebody_else(company, screen)
    await _finishes(company, screen)


async def _starts_by_the_form(screen: Screen) -> None:
    await screen.composer.click()
    await screen.types("/run")
    await expect(screen.page.get_by_role("option", name="/runbook")).to_be_visible()
    await screen.picture("the command is offered")
    await screen.presses_key("Tab")
    await screen.types("RB-INC-001")
    await screen.presses_key("Enter")
    await expect(screen.field("Brief description")).to_be_focused()
    await screen.types("Core down")
    await screen.presses_key("Enter")
    await expect(screen.alert).to_have_text(re.compile("^This must be 3 to 40 lowercase letters"))
    await screen.picture("a description that is no channel name")
    await screen.field("Brief description").fill("core-down")
    await screen.submits("Start")
    await expect(screen.form("RB-INC-001")).to_have_count(0)
    await screen.reads("P1 · RB-INC-001 Service Outage started by @dana")
    await screen.picture("the run has begun")
    await screen.goes_to("core-down")


async def _reads_what_was_found(screen: Screen) -> None:
    await screen.reads("Diagnosis Steps · 4 of 4: 2 PROBLEM")
    card = await screen.reads("suggested: If deployment issue: roll back")
    await expect(card).to_contain_text("complyai-core runs 2 of 4 tasks")
    await screen.picture("the card after four checks")
    await screen.opens_thread()
    deployed = screen.thread.get_by_role("table").filter(has_text="complyai-core:5")
    await deployed.scroll_into_view_if_needed()
    await screen.picture("the tables in the thread")
    await screen.presses_key("Escape")
    await expect(screen.thread).to_be_hidden()


async def _asks_for_the_rollback_and_may_not_approve_it(screen: Screen) -> None:
    await screen.presses("Review plan", beside="suggested: If deployment issue")
    asked = await screen.reads("APPROVAL NEEDED · CHANGE")
    await expect(asked).to_contain_text("--task-definition complyai-core:4")
    await screen.picture("the request for approval")
    await screen.presses("Approve…")
    await expect(screen.page.get_by_role("alertdialog")).to_be_visible()
    await screen.picture("asked once more before it counts")
    await screen.agrees("^Approve: ", "Approve")
    await screen.reads("You asked for this change, so somebody else must approve it.")
    await screen.picture("the one who asked may not approve")


async def _approves_as_somebody_else(company: Box, screen: Screen) -> None:
    await screen.becomes("Ravi")
    await screen.presses("As proposed")
    await screen.reads("DONE · Assign Incident Commander (IC): @ravi")
    await screen.presses("Approve…")
    await screen.agrees("^Approve: ", "Approve")
    done = await screen.reads("Seen done")
    await expect(done).to_contain_text("Approved by @ravi")
    await expect(done).to_contain_text("complyai-core runs 4 of 4 tasks of complyai-core:4")
    assert company.updates("complyai-core") == 1
    await screen.reads("OK · Watch recovery")
    await expect(screen.page.get_by_role("button", name="Faults", exact=True)).to_be_visible()
    await screen.picture("rolled back and recovered")


async def _finishes(company: Box, screen: Screen) -> None:
    await screen.becomes("Dana")
    await screen.presses("Finish")
    await screen.agrees("^Finish", "Finish")
    over = await screen.reads("FINISHED · RB-INC-001 Service Outage")
    await expect(over).to_contain_text("Changed: If deployment issue: roll back")
    await over.scroll_into_view_if_needed()
    await screen.picture("the result")
    await over.get_by_role("button", name="Timeline").click()
    timeline = await screen.reads("Timeline of run")
    await expect(timeline).to_contain_text("CHANGE asked by @dana")
    await expect(timeline).to_contain_text("approved by @ravi")
    assert len(company.github.issues) == 2


async def test_what_destroys_needs_its_name_typed_by_two_people(
    company: Box, screen: Screen
) -> None:
    await company.switch("database-down", on=True)
    await screen.opens(company.slack.url)
    await screen.says(START)
    await screen.goes_to("core-down")
    await screen.presses("Review plan", beside="suggested: If database issue")
    await screen.reads("APPROVAL NEEDED · DESTROY")
    await screen.picture("the request for approval")

    await screen.becomes("Ravi")
    await screen.presses("Approve…")
    name = screen.field("Type complyai-prod to approve")
    await expect(name).to_be_focused()
    await expect(screen.form("Approve DESTROY")).to_contain_text("Writes fail for about a minute")
    await screen.types("complyai-pord")
    await screen.submits("Approve")
    await expect(screen.alert).to_have_text("This must be exactly complyai-prod")
    await expect(name).to_have_value("complyai-pord")
    await screen.picture("a wrong name stays and is pointed at")
    await name.fill("complyai-prod")
    await screen.submits("Approve")
    await screen.reads("Noted. 1 more must approve.")
    assert company.aws.writer() == "complyai-prod-1"

    await screen.becomes("Lena")
    await screen.presses("Approve…")
    await expect(screen.form("Approve DESTROY")).to_contain_text("@ravi approved at")
    await expect(name).to_be_focused()
    await screen.types("complyai-prod")
    await screen.picture("the second of two people")
    await screen.presses_key("Enter")
    done = await screen.reads("complyai-prod is available, complyai-prod-2 writes")
    await expect(done).to_contain_text("APPROVED · DESTROY")
    assert company.aws.writer() == "complyai-prod-2"


async def test_while_the_bot_is_gone_a_command_is_refused_in_red_and_stays_typed(
    box: Box, screen: Screen
) -> None:
    await screen.opens(box.slack.url)
    await screen.says("/runbook status")
    await expect(screen.alert).to_contain_text('failed with the error "dispatch_failed"')
    await screen.alert.click(trial=True)  # Nothing lies over it.
    red, green, blue = await _colour(screen)
    assert red > green + blue
    await expect(screen.composer).to_have_value("/runbook status")
    await screen.picture("nobody is there")
    async with bot_in(box):
        await screen.presses_key("Enter")
        await screen.reads("Nothing runs.")
        await expect(screen.alert).to_have_count(0)


async def _colour(screen: Screen) -> tuple[int, int, int]:
    colour = await screen.alert.evaluate("node => getComputedStyle(node).color")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return red, green, blue


async def test_a_button_that_is_pressed_twice_counts_once(company: Box, screen: Screen) -> None:
    await company.switch("bad-deploy", on=True)
    await screen.opens(company.slack.url)
    await screen.says(START)
    await screen.goes_to("core-down")
    await screen.reads("suggested: If deployment issue")
    await screen.presses("Review plan", beside="suggested: If deployment issue", times=2)
    await screen.reads("APPROVAL NEEDED · CHANGE")
    await screen.becomes("Ravi")
    await screen.presses("Approve…")
    await screen.agrees("^Approve: ", "Approve", times=2)
    done = await screen.reads("Seen done")
    await expect(done.get_by_text("Approved by @ravi")).to_have_count(1)
    await expect(screen.messages.filter(has_text="It is being applied.")).to_have_count(1)
    await expect(screen.messages.filter(has_text="aws ecs update-service")).to_have_count(1)
    assert company.updates("complyai-core") == 1
