"""The logs of all pods, followed: nothing is lost, nothing comes twice, nothing is heaped up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.kubernetes import Following, KubeCalls, Kubernetes, LogLine
from adapters.kubernetes.followed import GONE
from adapters.kubernetes.following import ALL_OF_THEM, MOST_WAITING
from bot.runbook.errors import StepError
from sandbox.peers.kubernetes import NAMESPACE, Cluster
from sandbox.peers.kubernetes.pods import Life
from tests.sandbox.kubernetes.waiting import PATIENCE_S, until

pytestmark = pytest.mark.slow

WORKER, ORG = "celery-worker", "org_42"


@pytest.fixture(autouse=True)
def no_long_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.kubernetes.followed.LONGEST_NAP_S", 0.05)
    monkeypatch.setattr("adapters.kubernetes.followed.FIRST_NAP_S", 0.01)
    monkeypatch.setattr("adapters.kubernetes.watching.LONGEST_NAP_S", 0.05)


@pytest.fixture
async def lines(kubernetes: Kubernetes) -> AsyncIterator[Following]:
    as_of = (await kubernetes.deployment(WORKER)).as_of
    async with kubernetes.following(WORKER, as_of - timedelta(minutes=5), ORG) as following:
        yield following


async def take(lines: Following, count: int) -> list[LogLine]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(lines) for _ in range(count)]


async def nothing_more(lines: Following) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            pytest.fail(f"{await anext(lines)} came besides")


async def test_what_all_pods_write_comes_if_it_has_the_text_in_it(
    cluster: Cluster, lines: Following
) -> None:
    for number, pod in enumerate(cluster.pods()):
        cluster.write(pod, f"sync of {ORG} row {number}")
        cluster.write(pod, "sync of org_4 row 0")
    got = await take(lines, 3)
    assert {line.pod for line in got} == {pod.name for pod in cluster.pods()}
    assert {line.text for line in got} == {f"sync of {ORG} row {n}" for n in range(3)}
    assert lines.troubles == {}
    await nothing_more(lines)


async def test_the_text_is_no_pattern(kubernetes: Kubernetes, cluster: Cluster) -> None:
    since = (await kubernetes.deployment(WORKER)).as_of - timedelta(minutes=5)
    async with kubernetes.following(WORKER, since, "org.*[x]") as lines:
        cluster.write(cluster.pods()[0], "org_42 x")
        cluster.write(cluster.pods()[0], "org.*[x] is here")
        assert [line.text for line in await take(lines, 1)] == ["org.*[x] is here"]


async def test_pods_that_are_born_later_are_followed_from_their_birth(
    kubernetes: Kubernetes, cluster: Cluster, lines: Following
) -> None:
    known = {pod.name for pod in cluster.pods()}
    await kubernetes._restart((await kubernetes.deployment(WORKER)).restart(), "key")

    def born() -> list[Life]:
        return [pod for pod in cluster.pods() if pod.name not in known and pod.logs]

    await until(lambda: bool(born()))
    pod = born()[0]
    cluster.write(pod, f"{ORG} first words")
    (line,) = await take(lines, 1)
    assert (line.pod, line.text) == (pod.name, f"{ORG} first words")
    await until(lambda: not known & {pod.name for pod in cluster.kubelet.lives.values()})
    assert GONE not in lines.troubles.values()


async def test_the_last_words_of_a_pod_come_too(cluster: Cluster, lines: Following) -> None:
    pod = cluster.pods()[0]
    cluster.write(pod, f"{ORG} one")
    assert (await take(lines, 1))[0].text == f"{ORG} one"
    cluster.kubelet.end(pod)
    cluster.write(pod, f"{ORG} last words")
    assert (await take(lines, 1))[0].text == f"{ORG} last words"
    await until(lambda: pod.name not in {one.name for one in cluster.kubelet.lives.values()})
    await nothing_more(lines)
    assert lines.troubles == {}


async def test_connections_that_break_lose_and_repeat_nothing(
    cluster: Cluster, lines: Following
) -> None:
    cluster.fail("cut log", times=40)
    pods, wanted = cluster.pods(), []
    for number in range(400):
        wanted.append(f"{ORG} {number}")
        cluster.write(pods[number % 3], wanted[-1])
        if number % 10 == 0:
            await asyncio.sleep(0.005)
    got = [line.text for line in await take(lines, 400)]
    assert sorted(got) == sorted(wanted)
    await until(lambda: not cluster.faults)
    await nothing_more(lines)
    for n, pod in enumerate(pods):
        of_pod = [text for text in got if int(text.split()[1]) % 3 == n]
        assert of_pod == sorted(of_pod, key=lambda text: int(text.split()[1])), pod.name


async def break_off(cluster: Cluster, pod: Life) -> None:
    """Its log breaks off, and nobody gets an answer any more."""
    cluster.fail("cut log", times=1)
    cluster.write(pod, "breaks off")
    cluster.fail("broken")
    await until(lambda: "cut log" not in cluster.faults)


async def test_what_a_container_wrote_before_it_was_started_again_is_not_lost(
    cluster: Cluster, lines: Following
) -> None:
    pod = cluster.pods()[0]
    cluster.write(pod, f"{ORG} before")
    assert (await take(lines, 1))[0].text == f"{ORG} before"
    await break_off(cluster, pod)
    cluster.write(pod, f"{ORG} while nobody listened")
    cluster.kubelet.kill(pod)
    cluster.kubelet.revive(pod)
    await until(lambda: pod.restarts == 1)
    cluster.write(pod, f"{ORG} after")
    cluster.heal()
    got = [line.text for line in await take(lines, 2)]
    assert got == [f"{ORG} while nobody listened", f"{ORG} after"]
    await nothing_more(lines)


async def test_a_pod_that_goes_while_nobody_listens_is_said_to_be_gone(
    cluster: Cluster, lines: Following
) -> None:
    pod = cluster.pods()[0]
    cluster.write(pod, f"{ORG} one")
    await take(lines, 1)
    await break_off(cluster, pod)
    cluster.kubelet.end(pod)
    await until(lambda: (NAMESPACE, pod.name) not in cluster.kubelet.lives)
    cluster.heal()
    await until(lambda: lines.troubles.get(pod.name) == GONE)


async def test_a_watch_that_is_too_old_begins_anew(
    cluster: Cluster, lines: Following, kubernetes: Kubernetes
) -> None:
    await until(lambda: any(call.query.get("watch") for call in cluster.calls))
    cluster.fail("gone", times=1)
    for one in cluster.watches:
        one.abort()
    known = {pod.name for pod in cluster.pods()}
    await kubernetes._scale((await kubernetes.deployment(WORKER)).scale(4), "key")
    await until(lambda: cluster.alive() == 4)
    (new,) = (pod for pod in cluster.pods() if pod.name not in known)
    cluster.write(new, f"{ORG} here")
    assert (await take(lines, 1))[0].pod == new.name
    assert not cluster.faults


async def test_what_cannot_be_read_is_said_for_as_long_as_it_cannot(
    cluster: Cluster, lines: Following
) -> None:
    cluster.deploy_bad()
    await until(lambda: any("waiting to start" in says for says in lines.troubles.values()))
    cluster.kubelet.bad_images.clear()
    cluster.deploy(WORKER, 3)
    await until(lambda: not lines.troubles)


async def test_logs_that_may_not_be_read_are_said_so(cluster: Cluster, calls: KubeCalls) -> None:
    rule = {"apiGroups": ["*"], "resources": ["pods", "deployments"], "verbs": ["*"]}
    cluster.restrict([rule])
    kubernetes = Kubernetes(calls, NAMESPACE)
    since = (await kubernetes.deployment(WORKER)).as_of
    async with kubernetes.following(WORKER, since) as lines:
        await until(lambda: len(lines.troubles) == 3)
        assert all("does not let the bot get pods/log" in one for one in lines.troubles.values())
    found = await kubernetes.lines(WORKER, since)
    assert (found.count, len(found.unread)) == (0, 3)


async def test_what_cannot_be_begun_is_raised(cluster: Cluster, kubernetes: Kubernetes) -> None:
    since = (await kubernetes.deployment(WORKER)).as_of
    cluster.fail("broken")
    with pytest.raises(StepError, match="failed to get deployments"):
        async with kubernetes.following(WORKER, since):
            pytest.fail("there is nothing to follow")


async def test_pods_that_are_not_known_any_more_are_said_so(
    cluster: Cluster, lines: Following
) -> None:
    await until(lambda: any(call.query.get("watch") for call in cluster.calls))
    cluster.fail("broken")
    for one in cluster.watches:
        one.abort()
    await until(lambda: "failed to watch pods" in lines.troubles.get(ALL_OF_THEM, ""))
    cluster.heal()
    await until(lambda: not lines.troubles)


async def test_whoever_reads_slowly_slows_the_reading_down(
    cluster: Cluster, lines: Following
) -> None:
    """What is not read waits where it was written, and not here."""
    pods, count = cluster.pods(), 15_000
    for number in range(count):
        cluster.write(pods[number % 3], f"{ORG} {number} {'x' * 400}")
    await until(lambda: lines._lines.full())
    await asyncio.sleep(0.3)
    assert lines._lines.qsize() == MOST_WAITING
    got = await take(lines, count)
    numbers = sorted(int(line.text.split()[1]) for line in got)
    assert numbers == list(range(count))


async def test_a_long_line_is_cut_and_searched_to_its_end(
    cluster: Cluster, lines: Following
) -> None:
    cluster.write(cluster.pods()[0], "x" * 300_000 + ORG)
    (line,) = await take(lines, 1)
    assert len(line.text) < 17_000 and line.text.endswith("x…")


async def test_nothing_goes_on_when_nobody_follows_any_more(
    cluster: Cluster, kubernetes: Kubernetes
) -> None:
    before = asyncio.all_tasks()
    since = (await kubernetes.deployment(WORKER)).as_of
    async with kubernetes.following(WORKER, since):
        await until(lambda: any(call.query.get("follow") for call in cluster.calls))
    ours = {task for task in asyncio.all_tasks() - before if task.get_name() == "following logs"}
    assert not ours


async def test_lines_are_read_once_without_following(
    cluster: Cluster, kubernetes: Kubernetes
) -> None:
    since = (await kubernetes.deployment(WORKER)).as_of - timedelta(minutes=5)
    first, second, _ = cluster.pods()
    for number in range(300):
        cluster.write(first, f"{ORG} {number}")
    cluster.write(second, f"{ORG} token=sk_live_0123456789abcdefghijklmn {'x' * 1000}")
    cluster.kubelet.kill(second)
    cluster.kubelet.revive(second)
    await until(lambda: second.restarts == 1)
    found = await kubernetes.lines(WORKER, since, ORG, newest=100)
    assert (found.count, len(found.lines), found.unread) == (301, 100, {})
    assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)
    (other,) = (line for line in found.lines if line.pod == second.name)
    assert "sk_live_0123" not in other.text and len(other.text) <= 300
    assert (await kubernetes.lines(WORKER, found.until + timedelta(minutes=1))).count == 0
