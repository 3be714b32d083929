"""Every outside system there is, and what settings say of them and of people."""

import contextlib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from adapters.accounts import Accounts
from adapters.accounts.sessions import SessionRows
from adapters.auth0 import Auth0
from adapters.auth0.token import ManagementToken
from adapters.aws_calls import AwsCalls
from adapters.calendar import Calendar
from adapters.cloudtrail import CloudTrail
from adapters.cloudwatch import CloudWatch
from adapters.complyai import ComplyAi
from adapters.dns import Dns
from adapters.ecr import Ecr
from adapters.ecs import Ecs, NewServices
from adapters.evidence import Evidence
from adapters.forwarding import Forwarding
from adapters.http_calls import HttpCalls
from adapters.iam import Iam
from adapters.kubernetes import KubeCalls, Kubernetes, token_reference
from adapters.load_balancer import LoadBalancer
from adapters.logs import Logs
from adapters.migrations import Alembic, Django, Migrations
from adapters.pager import Pager
from adapters.parameters import Parameters
from adapters.postgres import Postgres
from adapters.postgres_calls import PostgresCalls
from adapters.postgres_transactions import Database
from adapters.rds import Rds, Recovery
from adapters.status_pages import StatusPages
from adapters.stripe import Stripe
from adapters.stripe.processed import ProcessedEvents
from adapters.tickets import Tickets
from assembly.ads import ads
from assembly.room import RunRoom
from backfills import BACKFILLS
from bot.access.policy import Policy
from bot.runbook import Adapter, Thresholds
from bot.runbook.errors import BookError
from bot.secrets.keeping import Keeper
from bot.secrets.vault import Vault
from bot.settings import Settings
from commands import RUNBOOKS

#: Seconds of one question for a service's health.
HEALTH_TIMEOUT_S = 5.0
#: Of one call that sends evidence: tens of megabytes.
EVIDENCE_TIMEOUT_S = 25.0
#: Where AWS records what belongs to no region, such as IAM and sign-ins.
HOME_REGION = "us-east-1"


def outside(
    settings: Settings,
    vault: Vault,
    stack: contextlib.AsyncExitStack,
    room: RunRoom,
    keeper: Keeper | None,
) -> Sequence[Adapter]:
    """Every outside system but Slack, closed when the stack is."""
    aws = aws_calls(settings, stack)
    pager, tickets = settings.pager, settings.tickets

    def http(timeout_s: float) -> HttpCalls:
        return http_calls(timeout_s, stack)

    return (
        Accounts(customers(settings, vault)),
        auth0(settings, vault, http(settings.auth0.timeout_s)),
        *ads(settings, vault, http, keeper),
        Calendar(room),
        CloudTrail([aws, *at_home(settings, stack)]),
        CloudWatch(aws),
        ComplyAi(http(HEALTH_TIMEOUT_S), settings.company.services),
        Dns(aws),
        Ecr(aws),
        Ecs(aws, settings.company.cluster),
        Forwarding(aws),
        NewServices(aws, settings.company.cluster),
        kubernetes(settings, vault, stack),
        evidence(settings, vault, stack),
        Iam(aws),
        LoadBalancer(aws),
        Logs(aws),
        migrations(settings, vault, aws),
        Pager(
            http(pager.timeout_s),
            pager,
            room,
            vault.credential_if(pager.routing_key),
            vault.credential_if(pager.api_token),
            vault.credential_if(pager.leaders_routing_key),
        ),
        Parameters(aws),
        postgres(settings, vault),
        Rds(aws),
        Recovery(aws),
        StatusPages(http(settings.status_pages.timeout_s), settings.status_pages),
        stripe(settings, vault, http(settings.stripe.timeout_s)),
        Tickets(http(tickets.timeout_s), tickets, room, vault.credential_if(tickets.token)),
    )


def http_calls(timeout_s: float, stack: contextlib.AsyncExitStack) -> HttpCalls:
    """Closed when the stack is."""
    calls = HttpCalls(timeout_s)
    stack.push_async_callback(calls.close)
    return calls


def aws_calls(settings: Settings, stack: contextlib.AsyncExitStack) -> AwsCalls:
    """With threads of its own. Closed when the stack is."""
    aws = AwsCalls(settings.aws.region, settings.aws.endpoint_url, settings.aws.timeout_s)
    stack.push_async_callback(aws.close)
    return aws


def kubernetes(settings: Settings, vault: Vault, stack: contextlib.AsyncExitStack) -> Kubernetes:
    """Its connections are closed when the stack is."""
    token = vault.credential_if(token_reference(settings.kubernetes))
    calls = KubeCalls(settings.kubernetes, token)
    stack.push_async_callback(calls.close)
    return Kubernetes(calls, settings.kubernetes.namespace)


def at_home(settings: Settings, stack: contextlib.AsyncExitStack) -> Sequence[AwsCalls]:
    """Nothing more where the company's region is that one."""
    if settings.aws.region == HOME_REGION:
        return ()
    told = settings.aws.model_copy(update={"region": HOME_REGION})
    return (aws_calls(settings.model_copy(update={"aws": told}), stack),)


def customers(settings: Settings, vault: Vault) -> Database:
    told = settings.postgres
    return Database(
        vault.credential_if(told.security_dsn), told.timeout_s, "postgres.security_dsn"
    )


def evidence(settings: Settings, vault: Vault, stack: contextlib.AsyncExitStack) -> Evidence:
    told = settings.aws.model_copy(
        update={"timeout_s": max(settings.aws.timeout_s, EVIDENCE_TIMEOUT_S)}
    )
    calls = aws_calls(settings.model_copy(update={"aws": told}), stack)
    return Evidence(calls, settings.evidence, SessionRows(customers(settings, vault)))


def postgres(settings: Settings, vault: Vault) -> Postgres:
    given = settings.postgres
    return Postgres(
        vault.credential_if(given.dsn),
        vault.credential_if(given.replica_dsn),
        given.timeout_s,
        vault.credential_if(given.maintenance_dsn),
        BACKFILLS,
    )


def migrations(settings: Settings, vault: Vault, aws: AwsCalls) -> Migrations:
    told, company, given = settings.migrations, settings.company, settings.postgres
    tool = Django(told.app) if told.tool == "django" else Alembic()
    return Migrations(
        aws, company.cluster, company.database, vault.credential_if(given.dsn), given.timeout_s,
        tool, told.variable, told.look_every_s, told.command,
    )  # fmt: skip


def stripe(settings: Settings, vault: Vault, calls: HttpCalls) -> Stripe:
    told, dsn = settings.stripe, vault.credential_if(settings.postgres.dsn)
    ours = PostgresCalls(dsn, settings.postgres.timeout_s) if dsn else None
    api_key, secret = vault.credential_if(told.api_key), vault.credential_if(told.webhook_secret)
    return Stripe(calls, told, ProcessedEvents(ours), api_key, secret)


def auth0(settings: Settings, vault: Vault, calls: HttpCalls) -> Auth0:
    told = settings.auth0
    token = ManagementToken(calls, told, vault.credential_if(told.client_secret))
    return Auth0(calls, told, token)


def thresholds(settings: Settings) -> Mapping[type[Thresholds], Thresholds]:
    """What settings say of each book's thresholds. Raises BookError for a strange one."""
    found: dict[type[Thresholds], Thresholds] = {}
    for book_id, fields in settings.thresholds.items():
        book = RUNBOOKS.get(book_id)
        if book is None or book.thresholds is None:
            raise BookError(f"settings: {book_id} is no runbook here that has thresholds")
        try:
            found[book.thresholds] = book.thresholds.model_validate(fields)
        except ValidationError as error:
            wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
            raise BookError(f"settings: thresholds of {book_id}: {wrong}") from None
    return found


def deciders(policy: Policy) -> Mapping[str, Sequence[str]]:
    """Whom a request for approval notifies, by role."""
    return {name: (*role.groups, *role.users) for name, role in policy.roles.items()}


def reviewers(policy: Policy) -> Sequence[str]:
    """Whom a broken glass notifies."""
    by_role = deciders(policy)
    ids = (one for role in policy.may.review for one in by_role.get(role, ()))
    return tuple(dict.fromkeys(ids))
