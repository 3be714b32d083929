"""
The sandbox's AWS: the company's account, as it would be if it were there.

One handle for everything the other parts of the sandbox and the tests want of it. Its methods
answer at once and may be called from any thread, also from an event loop.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from bot.runbook.company import Company
from sandbox.aws import account, seed
from sandbox.aws.clock import Clock, RunningClock
from sandbox.aws.cloudtrail import CloudTrail
from sandbox.aws.ecs.cloud import TaskState
from sandbox.aws.ecs.one_off import OneOffs
from sandbox.aws.ecs.state import Behaviour
from sandbox.aws.faults import Faults
from sandbox.aws.front import by_service
from sandbox.aws.load import DatabaseLoad
from sandbox.aws.overlay import AwsCall, Overlay
from sandbox.aws.parts import Parts
from sandbox.aws.seed import DatabaseKind
from sandbox.aws.server import Server
from sandbox.aws.timeline import Timeline

TICK_S = 0.02
WriterMoved = Callable[[str, str], None]
Asked = Callable[[], None]


class AwsWorld:
    def __init__(
        self,
        company: Company | None = None,
        database: DatabaseKind = "aurora",
        scale: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        """
        `scale`: seconds of the clock that a second of a rollout, failover or snapshot takes; a
        rollout takes 10 to 20 of them.
        """
        self.company = company or Company()
        self.clock = clock or RunningClock()
        self.faults = Faults()
        self._database = database
        self._timeline = Timeline(self.clock, scale)
        self._parts = Parts(self._timeline, self.company, self._tell_writer_moved)
        self._overlay = Overlay(
            self._timeline,
            by_service(self._parts),
            self.faults,
            self._tell_asked,
            lambda: account.furnish(self.company.service_names),
        )
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = threading.Event()
        self._time = threading.Thread(target=self._tick, name="aws-time", daemon=True)
        self._listeners: list[WriterMoved] = []
        self._asked: list[Asked] = []

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._stop)

    @property
    def endpoint_url(self) -> str:
        """What AWS_ENDPOINT_URL is set to. Any credentials will do."""
        if self._server is None:
            raise RuntimeError("The sandbox's AWS has not been started.")
        return self._server.url

    @property
    def calls(self) -> list[AwsCall]:
        """What was asked of it, the oldest first."""
        return list(self._overlay.calls)

    def deploy(self, service: str, version: str, by: str = "ci") -> None:
        """As the pipeline does: pushes an image, registers a task definition, updates."""
        with self._timeline.up_to_date():
            self._parts.deploy(service, version, by)

    def build(self, service: str, how: Behaviour = "well") -> str:
        """
        As a pipeline does that stops there: pushes and registers a next version, and returns it.
        """
        with self._timeline.up_to_date():
            return self._parts.build(service, how)

    def advance(self, seconds: float) -> None:
        """What is still to happen within that time has happened."""
        self.clock.advance(seconds)
        self._timeline.catch_up()

    def deploy_bad(
        self,
        service: str,
        how: Behaviour = "crashes",
        version: str | None = None,
        ago: timedelta = timedelta(),
    ) -> str:
        """
        Deploys a version that does not do, and returns it. With `ago` it was deployed then, and
        everything since (metrics, alarms, logs) tells of it; nothing else may have been deployed
        in between.
        """
        with self._timeline.since(ago.total_seconds()):
            return self._parts.deploy_bad(service, how, version)

    def create_service(self, service: str) -> None:
        """As it was before it was deleted, by whoever deleted it."""
        with self._timeline.up_to_date():
            self._parts.create_service(service)

    def exists(self, service: str) -> bool:
        with self._timeline.up_to_date():
            return self._parts.service(service).status == "ACTIVE"

    def drains(self, service: str) -> bool:
        """It was deleted, and its last tasks still end."""
        with self._timeline.up_to_date():
            return self._parts.service(service).status == "DRAINING"

    def stop_tasks(self, service: str, count: int) -> None:
        """Tasks end, and ECS replaces them."""
        with self._timeline.up_to_date():
            found = self._parts.service(service)
            for task in found.running()[:count]:
                self._parts.ecs.rollouts.stop_task(found, task, "Task stopped by user")

    def delete_image(self, service: str, version: str) -> None:
        """As a clean-up of old images does: nothing can go back to that version."""
        with self._timeline.up_to_date():
            self._parts.registry.delete(service, version)

    def lose_service(self, service: str) -> None:
        """
        Somebody deletes it in ECS, sends its requests to a page that says so, and points its name
        to an address outside.
        """
        with self._timeline.up_to_date():
            self._parts.lose_service(service)

    def task_state(self, service: str) -> TaskState:
        with self._timeline.up_to_date():
            return self._parts.ecs.state(self._parts.service(service))

    def version_of(self, service: str) -> tuple[str, ...]:
        """Of the running tasks, the oldest first: several while a deployment rolls."""
        with self._timeline.up_to_date():
            return self._parts.ecs.versions(self._parts.service(service))

    def running_versions(self, service: str) -> tuple[str, ...]:
        """Of each running task, one after the other."""
        with self._timeline.up_to_date():
            running = self._parts.service(service).running()
            return tuple(task.definition.version for task in running)

    def newest_image(self, service: str) -> str:
        """The tag that was pushed last."""
        with self._timeline.up_to_date():
            return self._parts.registry.tags(service)[-1]

    def rollouts(self, service: str) -> int:
        """How many deployments it has had, whoever asked for them and however often."""
        with self._timeline.up_to_date():
            return len(self._parts.service(service).record)

    def newest_deployment(self, service: str) -> tuple[timedelta, bool]:
        """How old it is, and whether its version does well."""
        with self._timeline.up_to_date():
            newest = self._parts.service(service).primary
            age = timedelta(seconds=self._timeline.now - newest.created_at)
            return age, self._parts.ecs.does_well(newest.definition)

    def is_well(self, service: str) -> bool:
        """Its tasks answer, and without errors. A good deployment does not make it unwell."""
        with self._timeline.up_to_date():
            return self._parts.health[service].at(self._timeline.now).is_well

    def passes_health_checks(self, service: str) -> bool:
        """Its tasks answer /health, whatever else they answer with errors."""
        with self._timeline.up_to_date():
            found = self._parts.health[service].at(self._timeline.now)
            return found.is_well or found.capacity == 1.0

    def writer(self) -> str:
        """The instance of the company's database that writes."""
        with self._timeline.up_to_date():
            return self._parts.rds.writer(self.company.database)

    def on_writer_moved(self, tell: WriterMoved) -> None:
        """
        `tell` is called in the loop the world was started in, with who wrote and who writes. A
        reboot with failover tells of the same instance twice: it is in another zone now.
        """
        self._listeners.append(tell)

    def on_asked(self, tell: Asked) -> None:
        """
        `tell` is called in the loop the world was started in, when a call has come and again when
        it is carried out.
        """
        self._asked.append(tell)

    def set_database_endpoints(self, endpoints: Mapping[str, tuple[str, int]]) -> None:
        """Where each instance really listens: host and port, shown as its endpoint."""
        with self._timeline.up_to_date():
            self._parts.rds.endpoints.update(endpoints)

    def set_resource_endpoints(self, places: Mapping[str, tuple[str, int]]) -> None:
        """The same by resource id, and of no others: those have the address of their name."""
        with self._timeline.up_to_date():
            self._parts.rds.places = dict(places)

    def resource_of(self, database: str) -> str | None:
        """The resource id of the cluster or instance that is called so now."""
        with self._timeline.up_to_date():
            rds = self._parts.rds
            found = rds.clusters.get(database) or rds.instances.get(database)
            return found.resource_id if found else None

    def on_restored(
        self, tell: Callable[[str, float], None], is_ready: Callable[[str], bool]
    ) -> None:
        """
        `tell` is called in the loop, with the resource id of what is restored and to which moment;
        it is available once `is_ready` says so. One listener.
        """
        restoring = self._parts.restoring
        restoring.is_ready = is_ready
        restoring.restored = lambda made, origin: self._in_loop(tell, made, origin.at)

    def on_renamed(self, tell: Callable[[], None]) -> None:
        """Called in the loop, when a database has another name. One listener."""
        self._parts.restoring.renamed = lambda: self._in_loop(tell)

    def on_backup(self, tell: Callable[[], None]) -> None:
        """Called in the loop, when a snapshot is begun. One listener."""
        self._parts.rds.backed_up = lambda: self._in_loop(tell)

    def fail_next_restore(self, status: str) -> None:
        """It ends so, such as `incompatible-restore`."""
        with self._timeline.up_to_date():
            self._parts.restoring.failing = status

    def hold_snapshots(self, stuck: bool) -> None:
        """Those that are being created stay so, until they are let go on."""
        with self._timeline.up_to_date():
            self._parts.rds.snapshots_stick = stuck

    def set_instance_status(self, instance: str, status: str) -> None:
        """Such as `storage-full`, in which it cannot take over; `available` is well."""
        with self._timeline.up_to_date():
            self._parts.rds.instance(instance).status = status

    def load_account(self) -> None:
        """Users, keys, roles and buckets are there from now on, and not from the first call."""
        self._overlay.load()

    @property
    def one_offs(self) -> OneOffs:
        """Tasks that run a command of a service's image to its end."""
        return self._parts.one_offs

    @property
    def trail(self) -> CloudTrail:
        """What was done to the account, and can be recorded as done."""
        return self._parts.trail

    def load_database(self, load: DatabaseLoad, ago: timedelta = timedelta()) -> None:
        """What the writer has to do from then on; DatabaseLoad() is a usual day."""
        with self._timeline.since(ago.total_seconds()):
            self._parts.load.add(self._timeline.now, load)
            self._parts.alarms.look()

    def parameter(self, name: str) -> str | None:
        """What services read, such as a vendor's circuit breaker."""
        with self._timeline.up_to_date():
            return self._parts.parameters.value(name)

    def set_parameter(self, name: str, value: str) -> None:
        """As somebody at the company does by hand."""
        with self._timeline.up_to_date():
            self._parts.parameters.put(name, value)

    def _start(self) -> None:
        with self._timeline.up_to_date():
            seed.fill(self._parts, self._database)
        self._server = Server(self._overlay)
        self._server.start()
        self._time.start()

    def _stop(self) -> None:
        self._stopped.set()
        self._parts.one_offs.close()
        if self._server:
            if self._time.is_alive():
                self._time.join()
            self._server.stop()
            self._server = None

    def _tick(self) -> None:
        """What happens by itself is told of when it happens, not when somebody looks."""
        while not self._stopped.wait(TICK_S):
            self._timeline.catch_up()

    def _tell_writer_moved(self, old: str, new: str) -> None:
        for tell in list(self._listeners):
            self._in_loop(tell, old, new)

    def _tell_asked(self) -> None:
        for tell in list(self._asked):
            self._in_loop(tell)

    def _in_loop(self, tell: Callable[..., None], *what: object) -> None:
        with suppress(RuntimeError):  # The loop has been closed: nobody listens any more.
            if self._loop:
                self._loop.call_soon_threadsafe(tell, *what)
