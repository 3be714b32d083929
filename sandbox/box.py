"""
The company in a box: a local Slack, AWS, PostgreSQL, the services and their vendors, on loopback.

`Box` starts all of it, says how a bot is to be set up for it, and switches faults by name. The
bot in it is the real one: only endpoints differ.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import yaml
from aiohttp import web

from bot.runbook.company import Company, ServicePlace
from bot.secrets.reference import Reference
from bot.settings import (
    Auth0Settings,
    AwsSettings,
    EvidenceSettings,
    KubernetesSettings,
    MigrationSettings,
    PagerSettings,
    PostgresSettings,
    ScheduleSettings,
    SecretSettings,
    Settings,
    SlackSettings,
    StatusPageSettings,
    StoreSettings,
    StripeSettings,
    TicketSettings,
)
from sandbox import people
from sandbox.aws import AwsWorld
from sandbox.aws.account import BUCKET
from sandbox.aws.seed import DatabaseKind
from sandbox.company.ads import Ads
from sandbox.company.clients import Clients
from sandbox.faults import BY_NAME, SCENES
from sandbox.peers.auth0 import Auth0
from sandbox.peers.github import GitHub
from sandbox.peers.health import HealthServices, ServiceState
from sandbox.peers.kubernetes import Cluster
from sandbox.peers.pagerduty import POLICY, PagerDuty, User
from sandbox.peers.status_pages import VendorPages
from sandbox.peers.stripe import Stripe
from sandbox.peers.webhooks import WebhookEndpoint
from sandbox.postgres import Database
from sandbox.postgres.harm import Harms
from sandbox.postgres.losses import Corrupted, Deleted
from sandbox.restoring import Restores
from sandbox.slack.workspace import Workspace

TRY = (
    "Switch on *A bad deployment* at *Faults*, and type `/runbook RB-INC-001 brief_desc=down`.",
    "Whoever asks for a change cannot approve it: become Ravi, in the corner, to approve.",
    "`/runbook` shows the catalogue, `/runbook help` all that can be typed.",
    "`/runbook dry RB-INC-001 brief_desc=drill` says what it would do, and changes nothing.",
)
NOBODY_LISTENS = "http://127.0.0.1:9/"
MANIFEST = Path(__file__).parent.parent / "manifest.yml"


class Box:
    """
    `scale`: seconds of real time that a second of AWS's rollouts and failovers takes.
    `organizations`: how many customers the company has, and so how large its database is.
    `lent`: a database that runs already, and that other companies use as well. `over_http`: Slack
    calls the bot, at the request URL that its workspace is given. `by_the_clock`: the bot
    starts what runbooks declare to be started by the clock.
    """

    def __init__(
        self,
        folder: Path,
        scale: float = 1.0,
        database: DatabaseKind = "aurora",
        organizations: int = 300,
        lent: Database | None = None,
        over_http: bool = False,
        by_the_clock: bool = False,
    ) -> None:
        self._folder, self._by_the_clock = folder, by_the_clock
        self._look_every_s = min(2.0, 2 * scale)  #: At a task that runs as fast as it does here.
        self.aws = AwsWorld(database=database, scale=scale)
        self.database, self._is_lent = lent or Database(organizations), lent is not None
        self.ads = Ads(self.database, scale, self.aws.parameter)
        self.harms: Harms = Harms(self.database)
        self.corrupted: Corrupted = Corrupted(self.database)
        self.deleted: Deleted = Deleted(self.database)
        names = self.aws.company.service_names
        self.clients = Clients(self.database, names, lambda one: len(self.aws.version_of(one)))
        self.restores = Restores(self.aws, self.database, self.clients.begin)
        self.health = HealthServices(self._health_of)
        self.vendors = VendorPages()
        on_call = User("PRAVI01", people.ON_CALL.name.title(), people.ON_CALL.email)
        self.pagerduty = PagerDuty(on_call=(on_call,))
        self.github = GitHub()
        self.auth0, self.stripe = Auth0(), Stripe()
        self.webhooks = WebhookEndpoint(self.stripe.webhook_secret, lambda: self.database.dsn)
        self.kubernetes = Cluster(scale, self.aws.clock)
        self.slack = Workspace(
            manifest=yaml.safe_load(MANIFEST.read_text()),
            panel={"GET /page/faults": self._list_faults, "POST /page/faults": self._switch},
            request_url=NOBODY_LISTENS if over_http else None,
        )
        self._mode: Literal["socket", "http"] = "http" if over_http else "socket"
        self.on: set[str] = set()  #: The faults that are.
        self.html_pages: set[str] = set()  #: Services whose /health answers a web page.
        self._asked = itertools.count()
        self._moving: set[asyncio.Task[None]] = set()
        self._access_key = f"AKIA{secrets.token_hex(8).upper()}"
        self._access_secret = base64.b64encode(secrets.token_bytes(30)).decode()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["Box"]:
        """`port` is of the page and the Web API of the local Slack."""
        people.settle_in(self.slack)
        self.slack.notices = list(TRY)
        async with contextlib.AsyncExitStack() as stack:
            peers = (self.health, self.vendors, self.pagerduty, self.github, self.auth0)
            money = (self.stripe, self.webhooks)
            systems = (self.aws, self.kubernetes, *peers, *money)
            parts = (*systems, *(() if self._is_lent else (self.database,)))
            for part in parts:
                stack.push_async_callback(part.stop)
            await asyncio.gather(*(part.start() for part in parts))
            self.stripe.endpoint_url = self.webhooks.webhook_url
            self.aws.one_offs.secrets["DATABASE_URL"] = self.database.maintenance_dsn
            stack.push_async_callback(self.ads.stop)
            self.ads.run_in(self.kubernetes)
            await self.ads.start()
            self.aws.on_writer_moved(self._follow_writer)
            self.restores.follow()
            stack.push_async_callback(self.restores.settle)
            stack.push_async_callback(self.clients.end)
            self.aws.on_asked(self.slack.look_again)
            stack.push_async_callback(self._settle)
            stack.push_async_callback(self.harms.stop)
            await self.slack.start(port)
            stack.push_async_callback(self.slack.stop)
            yield self

    async def switch(self, name: str, on: bool) -> None:
        """Raises KeyError for a strange fault. Switching on what is on does nothing."""
        scene = BY_NAME[name]
        self._forget_cured()
        if on != (name in self.on):
            await (scene.on if on else scene.off)(self)
            (self.on.add if on else self.on.discard)(name)

    def _forget_cured(self) -> None:
        self.on -= {name for name in self.on if BY_NAME[name].is_over(self)}

    def settings(self) -> Settings:
        """How a bot is set up for this company."""
        company = Company()
        places = tuple(
            ServicePlace(name=one.name, health_url=self.health.by_name[one.name].health_url)
            for one in company.services
        )
        slack, aws, github = self.slack, self.aws, self.github
        return Settings(
            slack=SlackSettings(
                mode=self._mode,
                bot_token=self._kept("slack-bot-token", slack.bot_token),
                app_token=self._kept("slack-app-token", slack.app_token),
                signing_secret=self._kept("slack-signing-secret", slack.signing_secret),
                api_url=slack.api_url,
                fallback_channel="C0ALERTS",
            ),
            store=StoreSettings(url=f"sqlite:///{self._folder / 'runbook-bot.db'}"),
            policy=str(people.POLICY),
            company=company.model_copy(update={"services": places}),
            aws=AwsSettings(endpoint_url=aws.endpoint_url),
            postgres=PostgresSettings(
                dsn=self._kept("database", self.database.dsn),
                replica_dsn=self._kept("replica", self.database.replica_dsn),
                maintenance_dsn=self._kept("maintenance", self.database.maintenance_dsn),
                security_dsn=self._kept("security", self.database.dsn),
            ),
            kubernetes=KubernetesSettings(
                url=self.kubernetes.url,
                ca=str(self._certificate()),
                token=self._kept("kubernetes-token", self.kubernetes.token),
            ),
            secrets=SecretSettings(keep="aws"),
            schedules=ScheduleSettings(declared=self._by_the_clock),
            **self.ads.settings(self._kept),
            migrations=MigrationSettings(look_every_s=self._look_every_s),
            status_pages=StatusPageSettings(
                meta_url=self.vendors.page("Meta"),
                stripe_url=self.vendors.page("Stripe"),
                auth0_url=self.vendors.page("Auth0"),
            ),
            pager=PagerSettings(
                routing_key=self._kept("pagerduty-routing-key", self.pagerduty.routing_key),
                events_url=self.pagerduty.url,
                api_token=self._kept("pagerduty-api-token", self.pagerduty.api_token),
                api_url=self.pagerduty.url,
                escalation_policy=POLICY,
                on_call_group="S0ONCALL",
                leaders=people.LEADERS,
                people={one.email: one.id for one in people.COLLEAGUES},
            ),
            tickets=TicketSettings(
                tracker="github",
                api_url=github.url,
                project=github.repository.name,
                token=self._kept("github-token", github.token),
            ),
            stripe=StripeSettings(
                api_key=self._kept("stripe-api-key", self.stripe.api_key),
                api_url=self.stripe.url,
                endpoint=self.stripe.endpoint,
                webhook_url=self.webhooks.webhook_url,
                webhook_secret=self._kept("stripe-webhook-secret", self.stripe.webhook_secret),
                may_retry=True,
            ),
            evidence=EvidenceSettings(bucket=BUCKET),
            auth0=Auth0Settings(
                url=self.auth0.url,
                client_id=self.auth0.client_id,
                client_secret=self._kept("auth0-client-secret", self.auth0.client_secret),
            ),
        )

    @property
    def credentials(self) -> Mapping[str, str]:
        """What boto3 finds in the environment. Any will do here."""
        return {
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": self._access_secret,
        }

    def environment(self) -> Mapping[str, str]:
        """The settings as a bot in a process of its own is given them."""
        given = self.settings().model_dump(mode="json")
        told = {
            f"RUNBOOK_BOT_{name.upper()}": one if isinstance(one, str) else json.dumps(one)
            for name, one in given.items()
        }
        return {**self.credentials, **told}

    def _kept(self, name: str, secret: str) -> Reference:
        """
        A secret as a bot finds it in production: in a file of its own, and never half of it, also
        while another bot is set up.
        """
        folder = self._folder / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        written, whole = tempfile.mkstemp(dir=folder)  # Only its owner may read it.
        with os.fdopen(written, "w") as opened:
            opened.write(f"{secret}\n")
        os.replace(whole, folder / name)
        return Reference(f"file:{folder / name}")

    def _certificate(self) -> Path:
        """Of whom to trust to be the sandbox's Kubernetes."""
        file = self._folder / "kubernetes-ca.pem"
        file.write_text(self.kubernetes.ca)
        return file

    def updates(self, service: str) -> int:
        """How often a client has told ECS to update this service."""
        asked = [one for one in self.aws.calls if one.operation == "UpdateService"]
        return sum(str(one.params.get("service", "")).endswith(service) for one in asked)

    def _health_of(self, service: str) -> ServiceState:
        """As one of its tasks says it, another one each time."""
        versions = self.aws.running_versions(service)
        version = versions[next(self._asked) % len(versions)] if versions else ""
        if service in self.html_pages:
            return ServiceState("html", version)
        if not self.aws.exists(service):
            return ServiceState("refused")
        if not self.database.writer.is_running or self.clients.is_troubled(service):
            return ServiceState("failing", version, "database")
        if not self.aws.passes_health_checks(service):
            return ServiceState("failing", version, "capacity")
        return ServiceState("well", version)

    def _follow_writer(self, _before: str, _now: str) -> None:
        """RDS has moved the writer: so has the database."""
        moving = asyncio.create_task(self.database.failover())
        self._moving.add(moving)
        moving.add_done_callback(self._moving.discard)
        self.on.discard("database-down")

    async def _settle(self) -> None:
        await asyncio.gather(*self._moving, return_exceptions=True)

    async def _list_faults(self, _request: web.Request) -> web.Response:
        self._forget_cured()
        listed = [
            {"name": one.name, "title": one.title, "what": one.what, "on": one.name in self.on}
            for one in SCENES
        ]
        return web.json_response({"faults": listed})

    async def _switch(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("name") not in BY_NAME:
            return web.json_response({"error": "There is no such fault."}, status=404)
        await self.switch(asked["name"], bool(asked.get("on")))
        return await self._list_faults(request)
