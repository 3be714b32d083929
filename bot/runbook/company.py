"""
The company a bot serves: names and places, so that no book names a service.

One frozen value, built from settings and asked for by type. The defaults are those of the company
in whose prose the books were first written.
"""

from zoneinfo import ZoneInfo

from pydantic import field_validator

from bot.runbook.values import Value


class ServicePlace(Value):
    """One of the company's services, and where to ask whether it is well."""

    name: str
    health_url: str


class Vendor(Value):
    """Somebody else's service we depend on, and the parameter that opens its circuit breaker."""

    name: str
    circuit_parameter: str


class AdSync(Value):
    """How the ads are kept up to date, and the parameters that its workers read."""

    queue: str = "ad_sync"
    backoff_parameter: str = "/complyai/meta/backoff"  #: `on` or `off`.
    interval_parameter: str = "/complyai/ad-sync/interval-minutes"
    #: Ids of the organizations that are synced first, separated by commas, or `none`.
    first_parameter: str = "/complyai/ad-sync/first-organizations"


class Company(Value):
    name: str = "ComplyAI"
    time_zone: str = "UTC"
    environment: str = "production"  #: Which one this bot serves, as the policy calls it.
    cluster: str = "production"
    services: tuple[ServicePlace, ...] = (
        ServicePlace(name="complyai-core", health_url="https://api.complyai.io/health"),
        ServicePlace(name="complyai-api", health_url="http://complyai-api.internal/health"),
        ServicePlace(
            name="complyai-maestro", health_url="http://complyai-maestro.internal/health"
        ),
        ServicePlace(name="complyai-frontend", health_url="https://app.complyai.io/health"),
    )
    database: str = "complyai-prod"
    #: The parameter with the host name by which services find the database; empty: there is none.
    database_parameter: str = "/complyai/database/host"
    workers: str = "celery-worker"  #: The deployment that works off the queues.
    ad_sync: AdSync = AdSync()
    vendors: tuple[Vendor, ...] = (
        Vendor(name="Meta", circuit_parameter="/complyai/circuit/meta"),
        Vendor(name="Stripe", circuit_parameter="/complyai/circuit/stripe"),
        Vendor(name="Auth0", circuit_parameter="/complyai/circuit/auth0"),
    )
    flag_prefix: str = "/complyai/flags/"  #: What the parameters of feature flags begin with.
    alerts_channel: str = "alerts"
    support_channel: str = "support"  #: Where users' trouble is reported.

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        """Said when the bot starts, and not when the first meeting is to be arranged."""
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name!r}; one is Europe/Berlin") from None
        return name

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)

    def circuit_of(self, vendor: str) -> str:
        """The parameter of the vendor's circuit breaker. Raises KeyError for a strange vendor."""
        return {one.name: one.circuit_parameter for one in self.vendors}[vendor]
