"""RB-DEPLOY-001 and RB-REC-002 as they go: the real bot, in the whole company."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.runbook.durations import seconds
from bot.slack.views import names
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, Person, until
from tests.scenarios.watching import look_often

pytestmark = pytest.mark.asyncio(loop_scope="module")

API, NAME = "complyai-api", "complyai-api.complyai.io"
FRONTEND = "complyai-frontend"
DEPLOY, RECOVER = "RB-DEPLOY-001", "RB-REC-002"
MONITORING = ("response", "user_reports")
#: As it is said while ECS is at the rollback, and when it is done with it already.
OVERTAKEN = ("in a deployment begun since", "has taken its place")
LONG = 300.0  #: Seconds in which a rollout is over, and minutes with requests have passed.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    folder = tmp_path_factory.mktemp("company")
    with pytest.MonkeyPatch.context() as patch:
        look_often(patch, DEPLOY, "deployment", *MONITORING, "back")
        look_often(patch, RECOVER, "healthy", "in_sync")
        async with (
            Database(organizations=0) as database,
            company_in(folder, database) as box,
            bot_in(box),
        ):
            yield AdsCompany(box)


async def test_what_the_pipeline_deploys_is_followed_until_it_was_watched_long_enough(
    company: AdsCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch, DEPLOY, *MONITORING, lasting=seconds(1))
    company.box.aws.deploy(API, "1.32.0")
    company.box.aws.advance(LONG)
    room = await company.starts("deploy-good", f"RB-DEPLOY-001 service={API} version=1.32.0")
    await company.presses(room, names.DONE)
    await room.shows("OK · Monitor deployment")
    await room.shows("All 10 answers say 1.32.0 and are healthy")
    await room.shows("OK · Error rates and response times")
    await room.shows("No worse than before")
    await room.shows("Nobody has reported anything in #support")
    await room.says("FINISHED")
    assert company.box.updates(API) == 0


async def test_a_version_that_answers_with_errors_is_rolled_out_noticed_and_rolled_back(
    company: AdsCompany,
) -> None:
    box = company.box
    before, deployed = box.aws.version_of(API), box.aws.rollouts(API)
    bad = box.aws.build(API, "errors")
    room = await company.starts("deploy-bad", f"RB-DEPLOY-001 service={API} version={bad}")
    await company.presses(room, names.DONE)
    await company.approves(room, await room.asks_for_approval("update-service"))
    await until(box, lambda: box.aws.rollouts(API) > deployed or None)
    box.aws.advance(LONG)
    await room.shows(f"All 10 answers say {bad} and are healthy")
    await room.shows("PROBLEM · Error rates and response times")
    await room.shows("Worse than before")
    assert not box.aws.is_well(API)
    asked = await company.picks(room, "roll_back", "is to be taken back to")
    await company.approves(room, asked)
    await until(box, lambda: box.aws.rollouts(API) > deployed + 1 or None)
    box.aws.advance(LONG)
    await room.shows("OK · The previous version is back")
    assert box.aws.version_of(API) == before
    assert box.updates(API) == 2


async def deploys_what_fails(company: AdsCompany, name: str) -> Incident:
    """A new version of complyai-api is rolled out by the run, and answers with errors."""
    box = company.box
    deployed, bad = box.aws.rollouts(API), box.aws.build(API, "errors")
    room = await company.starts(name, f"{DEPLOY} service={API} version={bad}")
    await company.presses(room, names.DONE)
    await company.approves(room, await room.asks_for_approval("update-service"))
    await until(box, lambda: box.aws.rollouts(API) > deployed or None)
    box.aws.advance(LONG)
    await room.shows("PROBLEM · Error rates and response times")
    return room


async def test_what_the_pipeline_deploys_before_a_rollback_is_approved_is_not_rolled_back(
    company: AdsCompany,
) -> None:
    box = company.box
    room = await deploys_what_fails(company, "overtaken")
    asked = await company.picks(room, "roll_back", "is to be taken back to")
    by_bot, mended = box.updates(API), "1.50.0"
    box.aws.deploy(API, mended)
    await company.approves(room, asked)
    await room.shows("Not applied: since this was asked, complyai-api runs")
    await room.shows("so there is nothing of this run to roll back")
    box.aws.advance(LONG)
    assert (box.aws.version_of(API), box.updates(API)) == ((mended,), by_bot)


async def test_what_the_pipeline_deploys_during_a_rollback_wins_and_that_is_said(
    company: AdsCompany,
) -> None:
    box = company.box
    room = await deploys_what_fails(company, "raced")
    asked = await company.picks(room, "roll_back", "is to be taken back to")
    await room.shows("A pipeline that deploys meanwhile wins: stop it first")
    box.html_pages.add(API)
    deployed, by_bot = box.aws.rollouts(API), box.updates(API)
    await company.approves(room, asked)
    await until(box, lambda: box.aws.rollouts(API) > deployed or None)
    mended = "1.51.0"
    box.aws.deploy(API, mended)
    box.html_pages.discard(API)
    await until(box, lambda: any(map(room.reads, OVERTAKEN)) or None)
    await company.presses(room, f"{names.PICK}:roll_back")
    await room.shows("so there is nothing of this run to roll back")
    box.aws.advance(LONG)
    assert (box.aws.version_of(API), box.updates(API)) == ((mended,), by_bot + 1)


async def test_a_rollout_that_ecs_takes_back_by_itself_is_said_and_not_taken_back_twice(
    company: AdsCompany,
) -> None:
    box = company.box
    before, bad = box.aws.version_of(FRONTEND), box.aws.build(FRONTEND, "crashes")
    room = await company.starts("reversed", f"{DEPLOY} service={FRONTEND} version={bad}")
    await company.presses(room, names.DONE)
    await company.approves(room, await room.asks_for_approval("update-service"))
    await room.shows("PROBLEM · Monitor deployment: ECS")
    await room.shows("by itself. Service deployment rolled back because the circuit breaker")
    await company.presses(room, f"{names.PICK}:roll_back")
    await room.shows("NOTHING TO DO · Roll back to previous")
    await until(box, lambda: box.aws.version_of(FRONTEND) == before or None)
    assert box.updates(FRONTEND) == 1


async def test_an_image_that_is_gone_is_not_rolled_out_and_those_that_are_there_are_named(
    company: AdsCompany,
) -> None:
    box = company.box
    lost, rollouts = box.aws.build(API), box.aws.rollouts(API)
    box.aws.delete_image(API, lost)
    for number, book in enumerate((f"{DEPLOY} service={API}", f"{RECOVER} service={API}")):
        room = await company.starts(f"gone-{number}", f"{book} version={lost}")
        if book.startswith(DEPLOY):
            await company.presses(room, names.DONE)
        await room.shows(f"ECR has no image {API}:{lost}")
        await room.shows(f"The newest tags of {API} are: ")
        assert not room.reads("update-service")
    assert box.aws.rollouts(API) == rollouts


async def test_an_image_that_goes_while_it_is_rolled_out_is_named_and_the_one_before_comes_back(
    company: AdsCompany,
) -> None:
    box = company.box
    before, lost, rollouts = box.aws.version_of(API), box.aws.build(API), box.aws.rollouts(API)
    room = await company.starts("going", f"{DEPLOY} service={API} version={lost}")
    await company.presses(room, names.DONE)
    asked = await room.asks_for_approval("update-service")
    box.aws.delete_image(API, lost)
    await company.approves(room, asked)
    await room.shows("CannotPullContainerError")
    await room.shows("No circuit breaker is on: ECS would go on trying for ever")
    await company.approves(room, await company.picks(room, "roll_back", "to be taken back to"))
    await until(box, lambda: box.aws.rollouts(API) > rollouts + 1 or None)
    box.aws.advance(LONG)
    await room.shows("OK · The previous version is back")
    assert box.aws.version_of(API) == before


async def two_approve(company: AdsCompany, room: Incident, words: str, typed: str) -> None:
    for who in ("U0RAVI", "U0LENA"):
        asked = await room.asks_for_approval(words)
        person = Person(company.box, who)
        await person.presses(asked, room.channel, names.APPROVE_DESTROY)
        form = await person.sees_form(names.APPROVE_MODAL)
        assert not (await person.submits(form, {names.TYPED: typed})).errors


async def test_a_deleted_service_is_made_anew_and_answers_under_its_name(
    company: AdsCompany,
) -> None:
    box = company.box
    await box.switch("service-gone", on=True)
    box.aws.advance(LONG)
    assert not box.aws.exists(API)
    room = await company.starts(
        "recover", f"RB-REC-002 service={API} version=1.31.0 count=3 dns_name={NAME}"
    )
    await room.shows("complyai-api is inactive; it ran complyai-api:")
    await room.shows("complyai-api:2 has complyai-api:1.31.0 already")
    await company.approves(room, await room.asks_for_approval("modify-rule"))
    await two_approve(company, room, "create-service", API)
    await until(box, lambda: box.aws.exists(API) or None)
    box.aws.advance(LONG)
    await room.shows("OK · Verify health checks passing")
    assert (box.aws.task_state(API).healthy, box.aws.version_of(API)) == (3, ("1.31.0",))
    await two_approve(company, room, "change-resource-record-sets", NAME)
    await room.shows("OK · Every name server knows it")
    await room.says("FINISHED")
    assert len([one for one in box.aws.calls if one.operation == "CreateService"]) == 1
