"""
Everything that can be configured, with its default, its unit and its meaning.

Read from a TOML file (`RUNBOOK_BOT_SETTINGS`, else `runbook-bot.toml` when there is one), and over
it from environment variables such as `RUNBOOK_BOT_AWS__REGION`. No secret is in here: settings say
where one is kept. A secret that is given as an environment variable is kept in that variable.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.runbook.company import Company
from bot.runbook.values import UserId
from bot.secrets.in_settings import (
    Address,
    Kept,
    SecretsInVariables,
    references,
    without_secrets,
)
from bot.secrets.reference import Reference

#: The absolute path of a file; or none.
A_FILE = r"^(/[^\s\"'`<>\[\]\\]+)?$"


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SlackSettings(Group):
    bot_token: Kept = None  #: xoxb-...
    mode: Literal["socket", "http"] = "socket"  #: How Slack reaches the bot.
    app_token: Kept = None  #: xapp-..., for Socket Mode.
    signing_secret: Kept = None  #: For HTTP mode.
    host: str = "127.0.0.1"  #: HTTP mode: where to listen; 0.0.0.0 in a container.
    port: int = Field(default=3000, ge=0, le=65535)
    api_url: str = "https://slack.com/api/"
    timeout_s: float = Field(default=10.0, ge=1, le=60)  #: Of one call to Slack's Web API.
    fallback_channel: str = ""  #: Its id: where runs speak that have no channel to speak in.


class StoreSettings(Group):
    url: Address = "sqlite:///var/runbook-bot.db"  #: SQLAlchemy's notation.


class SecretSettings(Group):
    """What people type into forms as secrets."""

    keep: Literal["nowhere", "store", "aws"] = "nowhere"
    keys: Kept = None  #: For `store`: keys of Fernet, the newest first.
    prefix: str = Field(
        default="runbook-bot/", pattern=r"^[A-Za-z0-9/_+=.@-]*$"
    )  #: Of their names.

    @model_validator(mode="after")
    def _has_keys(self) -> "SecretSettings":
        if self.keep == "store" and self.keys is None:
            raise ValueError("secrets.keep is store, so secrets.keys must say where the keys are")
        return self


class AwsSettings(Group):
    region: str = "us-east-1"
    endpoint_url: str | None = None  #: Another address for every service, such as a sandbox.
    timeout_s: float = 10.0  #: Of one call, connecting included.


class PostgresSettings(Group):
    dsn: Kept = None  #: The path the applications use: postgresql://user:...@host/db
    replica_dsn: Kept = None  #: A replica to ask for its lag.
    maintenance_dsn: Kept = None  #: A role that may end sessions, vacuum and index.
    security_dsn: Kept = None  #: A role that reads users and what they did, and keeps them out.
    timeout_s: float = 5.0


class KubernetesSettings(Group):
    """With neither address nor kubeconfig, the bot is a pod of the cluster."""

    url: Address = ""  #: https://...
    ca: str = ""  #: A file with its authority's certificate, PEM; empty: the system's authorities.
    token: Kept = None  #: Of a service account.
    kubeconfig: str = Field(default="", pattern=A_FILE)  #: Absolute.
    context: str = ""  #: In the kubeconfig; empty: its current one.
    namespace: str = "production"
    timeout_s: float = Field(default=10.0, gt=0, le=60)  #: Of one call, connecting included.


class CelerySettings(Group):
    """Queues are counted in the broker; without it by Flower, which does not see all of them."""

    broker_url: Kept = None  #: redis://user:password@host:6379/0, or rediss:// with TLS.
    flower_url: str = ""
    flower_login: Kept = None  #: user:password, as Flower's --basic-auth has it.
    timeout_s: float = 5.0  #: Of one question.


class MetaSettings(Group):
    graph_url: str = "https://graph.facebook.com"
    version: str = Field(default="v26.0", pattern=r"^v[0-9]{1,2}\.[0-9]$")
    app_id: str = Field(default="", pattern=r"^[0-9]{0,30}$")
    app_token: Kept = None  #: Of the app itself: debug_token, subscriptions.
    app_secret: Kept = None  #: With it every call proves that it comes from us.
    verify_token: Kept = None  #: By which our callback knows Meta.
    callback_url: str = "https://api.complyai.io/webhooks/meta"
    fields: tuple[str, ...] = ("in_process_ad_objects", "with_issues_ad_objects")
    scopes: tuple[str, ...] = ("ads_management",)  #: What an organization's token must allow.
    timeout_s: float = 10.0  #: Of one call.


class TokenSettings(Group):
    """The tokens of organizations, as the company's database has them."""

    keys: Kept = None  #: Keys of Fernet that seal them, the newest first.


class InternalSettings(Group):
    url: str = "https://api-internal.complyai.io"
    api_key: Kept = None  #: X-Internal-Key.
    timeout_s: float = 10.0  #: Of one call.


class MigrationSettings(Group):
    """How the images of services migrate the database: each time in a task of their own."""

    tool: Literal["alembic", "django"] = "alembic"
    command: tuple[str, ...] = ()  #: Such as ["poetry", "run", "alembic"]; none: the plain one.
    #: Whose migrations they are, with Django.
    app: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    variable: str = "DATABASE_URL"  #: Where the image finds the database's address.
    look_every_s: float = Field(default=2.0, gt=0, le=15)  #: Between two looks at its task.

    @model_validator(mode="after")
    def _has_an_app(self) -> Self:
        if (self.tool == "django") != bool(self.app):
            raise ValueError("migrations.app is needed with Django, and only with Django")
        return self


class StatusPageSettings(Group):
    meta_url: str = "https://metastatus.com/data/orgs.json"
    stripe_url: str = "https://status.stripe.com/current"
    auth0_url: str = "https://status.auth0.com/api/v2/status.json"
    timeout_s: float = 5.0


class PagerSettings(Group):
    """PagerDuty when it has a routing key, else a mention of the on-call user group."""

    routing_key: Kept = None  #: Events API v2 integration key.
    events_url: str = "https://events.pagerduty.com"
    api_token: Kept = None  #: REST API, to read who is on call; may be empty.
    api_url: str = "https://api.pagerduty.com"
    escalation_policy: str = ""  #: Whose on-call is asked for.
    #: Id of the Slack user group that is mentioned, S....
    on_call_group: str = Field(default="", pattern=r"^(S[A-Z0-9]{1,30})?$")
    people: dict[str, UserId] = Field(default_factory=dict)  #: E-mail there -> Slack user id.
    #: Who must know of a breach: role, such as CEO -> Slack user id.
    leaders: dict[str, UserId] = Field(default_factory=dict)
    leaders_routing_key: Kept = None  #: Of the PagerDuty service that wakes them.
    timeout_s: float = 5.0


class TicketSettings(Group):
    tracker: Literal["none", "github", "jira"] = "none"
    api_url: str = "https://api.github.com"
    project: str = ""  #: GitHub: owner/repository. Jira: project key.
    user: str = ""  #: Jira: the e-mail the token belongs to.
    token: Kept = None
    timeout_s: float = 10.0


class StripeSettings(Group):
    """Our webhook endpoint at Stripe, and what it has missed."""

    api_key: Kept = None  #: A restricted key, rk_...: reads events and webhook endpoints.
    api_url: str = "https://api.stripe.com"
    api_version: str = Field(default="2026-10-28.endive", pattern=r"^\d{4}-\d\d-\d\d[.a-z]*$")
    #: Id of our endpoint at Stripe.
    endpoint: str = Field(default="", pattern=r"^(we_[A-Za-z0-9_]{1,200})?$")
    webhook_url: str = ""  #: Where our endpoint takes events; they are posted there.
    webhook_secret: Kept = None  #: What Stripe signs with for this endpoint, whsec_...
    may_retry: bool = False  #: Stripe's own retry call, which it does not document, may be used.
    timeout_s: float = 10.0


class Auth0Settings(Group):
    """A machine-to-machine application that may use the Management API."""

    url: str = ""  #: Of the tenant, such as https://example.eu.auth0.com
    client_id: str = ""
    client_secret: Kept = None
    timeout_s: float = 10.0


class EvidenceSettings(Group):
    """Where what an incident left behind is kept: see RB-INC-002."""

    bucket: str = ""  #: An S3 bucket with object lock; empty: nothing can be kept.
    retain_days: int = Field(default=365, gt=0)  #: How long the bucket locks each object.


class ApprovalSettings(Group):
    expires_after_s: float = 900.0


class ScheduleSettings(Group):
    declared: bool = True  #: Whether the clock starts what runbooks declare to be started by it.


class AuditSettings(Group):
    """Where the audit log's newest hash is told once a day: see docs/security.md."""

    channel: str = ""  #: A channel's id; empty: `slack.fallback_channel`.
    bucket: str = ""  #: An S3 bucket with object lock; empty: none.
    retain_days: int = Field(default=365, gt=0)  #: How long the bucket locks each.


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="RUNBOOK_BOT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    slack: SlackSettings = SlackSettings()
    store: StoreSettings = StoreSettings()
    secrets: SecretSettings = SecretSettings()
    policy: str = "policy.toml"  #: The file that says who may do what.
    company: Company = Company()
    aws: AwsSettings = AwsSettings()
    postgres: PostgresSettings = PostgresSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    celery: CelerySettings = CelerySettings()
    meta: MetaSettings = MetaSettings()
    tokens: TokenSettings = TokenSettings()
    internal: InternalSettings = InternalSettings()
    migrations: MigrationSettings = MigrationSettings()
    status_pages: StatusPageSettings = StatusPageSettings()
    pager: PagerSettings = PagerSettings()
    tickets: TicketSettings = TicketSettings()
    stripe: StripeSettings = StripeSettings()
    auth0: Auth0Settings = Auth0Settings()
    evidence: EvidenceSettings = EvidenceSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    audit: AuditSettings = AuditSettings()
    thresholds: dict[str, dict[str, object]] = Field(default_factory=dict)  #: Book id -> fields.

    @model_validator(mode="before")
    @classmethod
    def _no_secret_in_it(cls, given: Any) -> Any:
        return without_secrets(cls, given)

    @property
    def references(self) -> Mapping[str, Reference]:
        """Every secret that is given, by the name of its setting."""
        return references(self)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = Path(os.environ.get("RUNBOOK_BOT_SETTINGS", "runbook-bot.toml"))
        toml = TomlConfigSettingsSource(settings_cls, path)
        return (init_settings, SecretsInVariables(settings_cls), toml)
