"""Whatever an outside system answers is a fact to be stored and shown, or is said to be none."""

import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from adapters import http_calls
from adapters.auth0 import Auth0, BlockUser, RevokeSessions
from adapters.auth0.token import ManagementToken
from adapters.aws_calls import AwsCalls
from adapters.cloudwatch import CloudWatch
from adapters.complyai import ComplyAi
from adapters.ecr import Ecr
from adapters.ecs import Ecs
from adapters.http_calls import HttpCalls
from adapters.load_balancer import LoadBalancer
from adapters.logs import ERRORS, Logs
from adapters.pager import Pager
from adapters.parameters import Parameters
from adapters.rds import Rds
from adapters.status_pages import StatusPages
from adapters.stripe import Stripe
from adapters.stripe.processed import ProcessedEvents
from adapters.tickets import Tickets
from bot.engine.calling import report_of
from bot.runbook import Facts, Found, Seen, Table
from bot.runbook.company import ServicePlace
from bot.runbook.errors import StepError
from bot.runbook.findings import Details
from bot.runbook.showing import details_as_json, details_from_json
from bot.settings import (
    Auth0Settings,
    PagerSettings,
    StatusPageSettings,
    StripeSettings,
    TicketSettings,
)
from bot.slack.views.step import step_detail
from sandbox.aws.wire import AwsError
from sandbox.peers.peer import Peer
from tests.adapters.databases import look, peer
from tests.adapters.duty import RUN
from tests.adapters.scripted_aws import ScriptedAws
from tests.adapters.test_postgres_strangers import NO_TLS, message
from tests.adapters.test_tickets import TICKET
from tests.adapters.written_room import WrittenRoom
from tests.credentials import given
from tests.hostile import MALICE, MIXED
from tests.live import assert_inert
from tests.slack.views.checking import assert_message
from tests.slack.views.sample import outage

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
LONGEST_SAID = 1500  #: Of what an error says; a person reads it at 3 a.m.


class Says(Peer):
    """Answers everything with the same, whatever is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = {}
        self.status, self.headers = 200, dict[str, str]()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        text = json.dumps(self.answer)
        kind = "application/json"
        return web.Response(text=text, status=self.status, content_type=kind, headers=self.headers)


@pytest.fixture
async def other(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Says]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.0)
    async with Says() as made:
        yield made


@pytest.fixture
async def calls_of_http() -> AsyncIterator[HttpCalls]:
    made = HttpCalls(timeout_s=5)
    yield made
    await made.close()


async def told(asked: Awaitable[Any]) -> str:
    """What comes of it, stored and shown as a step would be. Only a StepError may be raised."""
    try:
        answer = await asked
    except StepError as error:
        assert len(str(error)) <= LONGEST_SAID
        return shown(str(error))
    if answer is None or isinstance(answer, str):
        return shown(answer or "")
    if isinstance(answer, Seen):
        return shown(answer.now)
    assert isinstance(answer, Facts)
    stored = json.dumps(report_of(Found("ok", "", answer)).result)
    assert type(answer).model_validate_json(stored)
    table = answer.table() if hasattr(answer, "table") else None
    return shown(getattr(answer, "troubles", "") or repr(answer), table)


def shown(says: str, table: Table | None = None) -> str:
    details = Details(table=table) if table else Details()
    details = details_from_json(json.loads(json.dumps(details_as_json(details))))
    run = outage()
    step = run.steps["services"].__class__(
        "services", "Services", "check", "diagnosis", "problem", says=says, details=details
    )
    seen = step_detail(run, step)
    assert_message(seen)
    assert_inert(seen)
    return says


# Over HTTP.


async def test_a_health_page(other: Says, calls_of_http: HttpCalls) -> None:
    place = ServicePlace(name="core", health_url=f"{other.url}/health")
    complyai = ComplyAi(calls_of_http, [place])
    for one in MALICE.values():
        for content in (
            {"status": one, "version": one},
            {"status": "ok", "checks": {one: one}, "error": one},
            {"status": "ok", "version": one},
            {"status": {"a": one}}, {one: one}, [one], one,
        ):  # fmt: skip
            for other.status in (200, 503):
                other.answer = content
                said = await told(complyai.healths())
                assert len(said) <= 2 * LONGEST_SAID


async def test_vendors(other: Says, calls_of_http: HttpCalls) -> None:
    page = other.url
    settings = StatusPageSettings(meta_url=page, stripe_url=page, auth0_url=page)
    vendors = StatusPages(calls_of_http, settings)
    for one in MALICE.values():
        for content in (
            [{"services": [{"name": one, "status": "outage"}, {"name": one, "status": one}]}],
            {"statuses": {one: "down", one + "2": one}, "largestatus": "down", "message": one},
            {"status": {"indicator": one, "description": one}},
            {"status": {"indicator": "major", "description": one}},
        ):
            other.answer = content
            assert len(await told(vendors.statuses())) <= 3 * LONGEST_SAID


async def test_pagerduty(other: Says, calls_of_http: HttpCalls) -> None:
    settings = PagerSettings(
        api_url=other.url, escalation_policy="P1",
        people={"a@example.com": "U0ALICE"},
    )  # fmt: skip
    pager = Pager(calls_of_http, settings, WrittenRoom(), None, given("t"))
    for one in MALICE.values():
        user = {"name": one, "summary": one, "email": one}
        other.answer = {
            "oncalls": [{"user": user, "escalation_level": one}],
            "incidents": [
                {
                    "status": "acknowledged", "title": one, "incident_number": one,
                    "acknowledgements": [{"acknowledger": {"summary": one}}],
                }
            ],
        }  # fmt: skip
        on_call = await pager.on_call(RUN, ["core"])
        assert on_call.person is None and len(on_call.says) < 400 and len(on_call.name) <= 80
        await told(pager.on_call(RUN))


@pytest.mark.parametrize("tracker", ["github", "jira"])
async def test_trackers(other: Says, calls_of_http: HttpCalls, tracker: str) -> None:
    where = {"tracker": tracker, "project": "OPS" if tracker == "jira" else "a/b"}
    settings = TicketSettings.model_validate(where | {"api_url": other.url, "user": "u"})
    tickets = Tickets(calls_of_http, settings, WrittenRoom(), given("t"))
    for one in MALICE.values():
        for content in (
            [{"number": one, "body": f"{one}\n{TICKET.mark}", "created_at": AT.isoformat()}],
            {"issues": [{"key": one, "fields": {"created": AT.isoformat()}}]},
            [{"number": one, "body": TICKET.mark, "created_at": one}],
            {"issues": [{"key": one, "fields": {"created": one}}]},
        ):
            other.answer = content
            await told(tickets._see(TICKET.model_copy(update={"since": AT})))


async def test_stripe(other: Says, calls_of_http: HttpCalls) -> None:
    settings = StripeSettings(api_url=other.url, endpoint="we_1", webhook_url=other.url)
    stripe = Stripe(calls_of_http, settings, ProcessedEvents(None), given("rk_t"), given("w"))
    endpoint: dict[str, Any] = {
        "object": "webhook_endpoint", "id": "we_1", "url": "x", "status": "enabled",
        "enabled_events": [], "api_version": None,
    }  # fmt: skip
    for one in MALICE.values():
        for key in ("id", "url", "status", "api_version"):
            other.answer = endpoint | {key: one}
            await told(stripe.endpoint())
        other.answer = endpoint | {"enabled_events": [one]}
        await told(stripe.endpoint())


async def test_auth0(other: Says, calls_of_http: HttpCalls) -> None:
    settings = Auth0Settings(url=other.url, client_id="c")
    token = ManagementToken(calls_of_http, settings, given("s"))
    token._value, token._until = "t", float("inf")
    auth0 = Auth0(calls_of_http, settings, token)
    for one in MALICE.values():
        user = {"user_id": one[:250] or "-", "email": one, "name": one, "last_ip": one}
        for other.answer in (user, user | {"last_login": one}, user | {"blocked": one}):
            await told(auth0.user("u"))
            await told(auth0._see_block(BlockUser(user_id="u")))
        other.answer = [user]
        await told(auth0.users(one))
        other.answer = {"sessions": [{"id": one, "device": {"last_ip": one}}], "next": one}
        await told(auth0._see_sessions(RevokeSessions(user_id=one[:250] or "-")))
        entry = {"date": AT.isoformat(), "type": one, "user_id": one, "user_name": one, "ip": one}
        other.answer = [entry | {"location_info": {"country_code": one}}]
        await told(auth0.sign_ins(AT, AT, user_id=one or "-"))


async def test_a_token_of_auth0(other: Says, calls_of_http: HttpCalls) -> None:
    settings = Auth0Settings(url=other.url, client_id="c")
    for one in MALICE.values():
        for other.answer in (
            {"access_token": one, "expires_in": 60},
            {"access_token": "t" * 20, "expires_in": one},
        ):
            token = ManagementToken(calls_of_http, settings, given("s"))
            await told(Auth0(calls_of_http, settings, token).user("u"))


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_an_error_over_http(other: Says, calls_of_http: HttpCalls, status: int) -> None:
    other.status = status
    for one in MALICE.values():
        for content in (
            {"message": one, "errors": [one, {"field": one, "code": one, "message": one}]},
            {"errors": {one: one}, "errorMessages": [one]},
        ):
            other.answer = content
            other.headers = {"Retry-After": one} if one.isprintable() and one.isascii() else {}
            asked = calls_of_http.write("They", other.url, {})
            assert len(await told(_nothing(asked))) <= LONGEST_SAID


async def _nothing(asked: Awaitable[Any]) -> None:
    await asked


# AWS.


def in_xml(text: str) -> str:
    """XML has no other control characters than these, and no half characters."""
    fit = (c for c in text if c in "\t\n" or " " <= c <= "\ud7ff" or c >= "\ue000")
    return "".join(c for c in fit if c not in "\ufffe\uffff")


@pytest.fixture
def aws() -> Iterator[ScriptedAws]:
    with ScriptedAws("ecs", "ecr", "rds", "ssm", "logs", "elbv2", "cloudwatch") as made:
        yield made


@pytest.fixture
async def aws_calls(aws: ScriptedAws) -> AsyncIterator[AwsCalls]:
    made = AwsCalls("us-east-1", aws.url, timeout_s=5.0)
    yield made
    await made.close()


def deployed(one: str) -> dict[str, Any]:
    arn = f"arn:aws:ecs:us-east-1:123456789012:task-definition/{one.replace('/', '-')}:42"
    primary = {
        "id": one, "status": "PRIMARY", "taskDefinition": arn, "desiredCount": 4,
        "runningCount": 1, "rolloutState": "FAILED", "rolloutStateReason": one,
        "createdAt": AT,
    }  # fmt: skip
    return {
        "serviceName": one, "status": "ACTIVE", "desiredCount": 4, "runningCount": 1,
        "pendingCount": 0, "deployments": [primary], "taskDefinition": arn,
        "loadBalancers": [{"targetGroupArn": one}],
    }  # fmt: skip


async def test_ecs(aws: ScriptedAws, aws_calls: AwsCalls) -> None:
    ecs = Ecs(aws_calls, "production")
    for one in MIXED:
        name = one or "-"
        service = deployed(name)
        arn = service["taskDefinition"]
        brief = {
            "serviceDeploymentArn": "a", "targetServiceRevisionArn": "r", "createdAt": AT,
            "status": "SUCCESSFUL", "statusReason": one,
        }  # fmt: skip
        revision = {
            "serviceRevisionArn": "r", "taskDefinition": arn, "containerImages": [{"image": name}]
        }  # fmt: skip
        container = {"name": one, "exitCode": 1}
        task = {"stoppedReason": one, "containers": [container]}
        answers: dict[str, dict[str, Any]] = {
            "ListServices": {"serviceArns": [name]},
            "DescribeServices": {"services": [service], "failures": []},
            "ListTasks": {"taskArns": ["t"]},
            "DescribeTasks": {"tasks": [task]},
            "ListServiceDeployments": {"serviceDeployments": [brief]},
            "DescribeServiceRevisions": {"serviceRevisions": [revision]},
            "DescribeServiceDeployments": {"serviceDeployments": [{"serviceDeploymentArn": "a"}]},
            "DescribeTaskDefinition": {
                "taskDefinition": {
                    "status": one, "registeredBy": one, "containerDefinitions": [{"image": name}]
                },
                "tags": [{"key": "deployed-by", "value": one}],
            },
        }  # fmt: skip
        for operation, answer in answers.items():
            aws.answers("ecs", operation, answer)
        assert await ecs.names() == [name.rsplit("/", 1)[-1]]
        found = await ecs.services([name])
        assert "runs 1 of 4" in found.troubles
        await told(ecs.services([name]))
        await told(ecs.deployments([name]))
        change = found.services[0].restart()
        await told(ecs._see_restart(change))


async def test_parameters_and_images(aws: ScriptedAws, aws_calls: AwsCalls) -> None:
    for one in MIXED:
        name = one or "-"
        for kind in ("String", one):
            aws.answers(
                "ssm", "GetParameter", {"Parameter": {"Name": one, "Value": one, "Type": kind}}
            )
            await told(Parameters(aws_calls).get(name))
        parameter = {"Name": one, "Value": one, "Type": "String"}
        aws.answers("ssm", "GetParameter", {"Parameter": parameter})
        if change := (await Parameters(aws_calls).get(name)).set_to("open"):
            await told(Parameters(aws_calls)._see(change))
            undone = change.undo()
            assert (undone.value, undone.name) == (change.replacing, change.name)
        image = {"imageDigest": one, "imagePushedAt": AT, "imageTags": [one]}
        aws.answers("ecr", "DescribeImages", {"imageDetails": [image]})
        await told(Ecr(aws_calls).image("core", name))


async def test_lines_of_logs(aws: ScriptedAws, aws_calls: AwsCalls) -> None:
    for one in MIXED:
        event = {"logStreamName": one, "timestamp": 1795489920000, "message": one}
        aws.answers("logs", "FilterLogEvents", {"events": [event] * 3})
        found = await Logs(aws_calls).errors(one or "-")
        assert all(len(line.text) <= 300 for line in found.lines)
        await told(Logs(aws_calls).errors(one or "-"))
    asked = aws.asked("FilterLogEvents")
    assert {one["filterPattern"] for one in asked} == {ERRORS}


async def test_databases_balancers_and_alarms(aws: ScriptedAws, aws_calls: AwsCalls) -> None:
    for one in map(in_xml, MIXED):
        name = one or "-"
        member = {"DBInstanceIdentifier": name, "IsClusterWriter": True}
        cluster = {
            "DBClusterIdentifier": name, "DbClusterResourceId": one, "Engine": name,
            "EngineVersion": one, "Status": one, "DBClusterMembers": [member],
        }  # fmt: skip
        instance = {
            "DBInstanceIdentifier": name, "DBInstanceStatus": one, "DBInstanceClass": one,
            "AvailabilityZone": one, "PendingModifiedValues": {"DBInstanceClass": one},
        }  # fmt: skip
        aws.answers("rds", "DescribeDBClusters", {"DBClusters": [cluster]})
        aws.answers("rds", "DescribeDBInstances", {"DBInstances": [instance]})
        await told(Rds(aws_calls).database("prod"))
        target = {
            "Target": {"Id": "1"}, "TargetHealth": {"State": "unhealthy", "Description": one}
        }  # fmt: skip
        aws.answers("elbv2", "DescribeTargetHealth", {"TargetHealthDescriptions": [target]})
        await told(LoadBalancer(aws_calls).targets({name: (name,)}))
        alarm = {
            "AlarmName": name, "StateValue": "ALARM", "StateReason": one,
            "StateUpdatedTimestamp": AT,
        }  # fmt: skip
        aws.answers("cloudwatch", "DescribeAlarms", {"MetricAlarms": [alarm]})
        await told(CloudWatch(aws_calls).alarms())


async def test_a_refusal_of_aws(aws: ScriptedAws, aws_calls: AwsCalls) -> None:
    for one in MALICE.values():
        code = "".join(c for c in one if c.isascii() and c.isprintable())[:2000] or "X"

        def refuse(_: dict[str, Any], code: str = code, says: str = one) -> dict[str, Any]:
            raise AwsError(code, says, 400)

        aws.answers("ssm", "GetParameter", refuse)
        assert len(await told(Parameters(aws_calls).get("x"))) <= 800
        aws.answers("rds", "DescribeDBClusters", refuse)
        await told(Rds(aws_calls).database("prod"))


async def test_an_answer_of_aws_that_is_no_xml_is_said_to_be_unreadable(
    other: Says, calls_of_http: HttpCalls
) -> None:
    calls = AwsCalls("us-east-1", other.url, timeout_s=5.0)
    other.answer = "no XML"
    said = await told(Rds(calls).database("prod"))
    assert "cannot be read" in said
    await calls.close()


# PostgreSQL.


@pytest.mark.parametrize("one", ["<!ch>", "\x1b[31m", "'; --", "evil" * 2000, "\u202e*a*"])
async def test_an_error_of_postgresql(one: str) -> None:
    fields = {b"S": "FATAL", b"C": one, b"M": one, b"D": one, b"H": one}
    body = b"".join(key + value.encode() + b"\0" for key, value in fields.items()) + b"\0"

    async def talk(reader: Any, writer: Any) -> None:
        await reader.read(65536)
        writer.write(NO_TLS)
        await reader.read(65536)
        writer.write(message(b"E", body))
        await reader.read()

    async with peer(talk) as dsn:
        found = await look(dsn)
    assert found.answered_in is None and len(found.error) < 200
    shown(found.says())
