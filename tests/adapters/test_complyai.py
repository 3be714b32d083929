"""The health of our services, asked of services that are well and ill in every known way."""

from collections.abc import AsyncIterator

import pytest

from adapters.complyai import ComplyAi, Health
from adapters.http_calls import HttpCalls
from bot.runbook.company import ServicePlace
from bot.runbook.errors import Refused
from sandbox.peers.health import Condition, HealthServices, ServiceState

pytestmark = pytest.mark.slow
CORE = "complyai-core"


@pytest.fixture
def states() -> dict[str, ServiceState]:
    return {}


@pytest.fixture
async def services(states: dict[str, ServiceState]) -> AsyncIterator[HealthServices]:
    async with HealthServices(lambda name: states.get(name, ServiceState())) as made:
        yield made


@pytest.fixture
async def complyai(services: HealthServices) -> AsyncIterator[ComplyAi]:
    calls = HttpCalls(timeout_s=0.7)
    places = [
        ServicePlace(name=name, health_url=one.health_url)
        for name, one in services.by_name.items()
    ]
    yield ComplyAi(calls, places)
    await calls.close()


async def _core(complyai: ComplyAi) -> Health:
    (health,) = (await complyai.healths([CORE])).services
    return health


async def test_four_services_that_are_well_are_healthy(complyai: ComplyAi) -> None:
    healths = await complyai.healths()
    assert len(healths.services) == 4
    assert healths.down == () and healths.troubles == ""
    assert healths.versions == {"1.8.0"}
    assert all(one.latency is not None for one in healths.services)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("failing", "says 'unhealthy' (HTTP 503): database down"),
        ("html", "answered with a web page instead of data"),
        ("error under 200", "says 'error' (HTTP 200): cannot read its configuration"),
        ("refused", "broke the connection before it had answered"),
        ("slow", "did not answer within 0.7 s"),
    ],
)
async def test_an_ill_service_is_down_and_says_why(
    complyai: ComplyAi, states: dict[str, ServiceState], condition: Condition, says: str
) -> None:
    states[CORE] = ServiceState(condition)
    healths = await complyai.healths()
    assert healths.down == (CORE,)
    assert healths.troubles == f"{CORE} {says}"


async def test_a_service_that_is_gone_is_down(
    complyai: ComplyAi, services: HealthServices
) -> None:
    await services.by_name[CORE].stop()
    health = await _core(complyai)
    assert (health.is_healthy, health.latency) == (False, None)
    assert health.says == "does not accept connections"


async def test_a_failing_check_outweighs_the_word_healthy(
    complyai: ComplyAi, services: HealthServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"status": "healthy", "checks": {"database": "down"}}
    monkeypatch.setattr(services.by_name[CORE], "_body", lambda state: body)
    health = await _core(complyai)
    assert not health.is_healthy and "database down" in health.says


@pytest.mark.parametrize("checks", [["database down"], "database down", [{"database": "down"}]])
async def test_checks_that_cannot_be_read_are_not_passed(
    complyai: ComplyAi,
    services: HealthServices,
    checks: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"status": "healthy", "checks": checks}
    monkeypatch.setattr(services.by_name[CORE], "_body", lambda state: body)
    health = await _core(complyai)
    assert not health.is_healthy and "its checks have a shape" in health.says


async def test_a_service_with_a_broken_address_does_not_keep_the_others(
    services: HealthServices,
) -> None:
    calls = HttpCalls(timeout_s=0.7)
    other = services.by_name["complyai-api"]
    places = [
        ServicePlace(name=CORE, health_url="http://[::1"),
        ServicePlace(name=other.name, health_url=other.health_url),
    ]
    healths = await ComplyAi(calls, places).healths()
    await calls.close()
    assert healths.down == (CORE,) and "in settings" in healths.troubles


@pytest.mark.parametrize("body", [[], {"ok": True}, {"status": 1}, "healthy"])
async def test_json_of_another_shape_is_not_healthy(
    complyai: ComplyAi,
    services: HealthServices,
    body: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services.by_name[CORE], "_body", lambda state: body)
    health = await _core(complyai)
    assert not health.is_healthy and "without saying how it is" in health.says


async def test_every_version_of_a_mixed_fleet_is_met(complyai: ComplyAi) -> None:
    turns = iter(["1.8.0", "1.9.0"] * 4)
    async with HealthServices(lambda name: ServiceState(version=next(turns)), [CORE]) as fleet:
        calls = HttpCalls(timeout_s=2)
        url = fleet.by_name[CORE].health_url
        answers = await ComplyAi(calls, [ServicePlace(name=CORE, health_url=url)]).answers(CORE, 8)
        await calls.close()
    assert answers.versions == {"1.8.0", "1.9.0"} and len(answers.services) == 8


async def test_each_question_is_a_connection_of_its_own(
    complyai: ComplyAi, services: HealthServices
) -> None:
    await complyai.answers(CORE, 3)
    assert {call.headers["connection"] for call in services.by_name[CORE].calls} == {"close"}


async def test_a_strange_service_is_refused_by_name(complyai: ComplyAi) -> None:
    with pytest.raises(Refused, match="known are complyai-core"):
        await complyai.healths(["nosuch"])
