"""What has to do with ads: Meta, the queue, the internal API and the company's own database."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from adapters.celery import Celery
from adapters.celery.broker import Broker
from adapters.company_data import CompanyData
from adapters.http_calls import HttpCalls
from adapters.internal_api import InternalApi
from adapters.meta import Meta
from bot.secrets.keeping import Keeper
from bot.secrets.vault import Vault
from bot.settings import Settings

#: Whose length `doctor` asks for: any will do, also one that is not there.
ANY_QUEUE = "celery"


class AdsAdapters(NamedTuple):
    celery: Celery
    data: CompanyData
    internal: InternalApi
    meta: Meta


def ads(
    settings: Settings, vault: Vault, http: Callable[[float], HttpCalls], keeper: Keeper | None
) -> AdsAdapters:
    """`http` makes calls with a limit in seconds."""
    given, meta, internal = vault.credential_if, settings.meta, settings.internal
    data = CompanyData(given(settings.postgres.dsn), given(settings.tokens.keys), keeper)
    return AdsAdapters(
        _celery(settings, vault, http),
        data,
        InternalApi(http(internal.timeout_s), internal.url, given(internal.api_key), data),
        Meta(
            http(meta.timeout_s),
            meta,
            given(meta.app_token),
            given(meta.app_secret),
            given(meta.verify_token),
            data,
            keeper,
        ),
    )


def looks(settings: Settings, made: AdsAdapters) -> Mapping[str, Awaitable[object]]:
    """Whether what is configured answers."""
    found: dict[str, Awaitable[object]] = {}
    if settings.celery.broker_url:
        found["Celery's broker"] = made.celery.queue(ANY_QUEUE)
    if settings.celery.flower_url:
        found["Flower"] = made.celery.workers()
    if settings.meta.app_token:
        found["Meta"] = made.meta.subscriptions()
    if settings.internal.api_key:
        found["internal API"] = made.internal.health()
    if settings.tokens.keys:
        found["tokens in the database"] = made.data.tokens()
    return found


def _celery(settings: Settings, vault: Vault, http: Callable[[float], HttpCalls]) -> Celery:
    told, broker = settings.celery, None
    if url := vault.credential_if(told.broker_url):
        broker = Broker(url, told.timeout_s)
    login = vault.credential_if(told.flower_login)
    return Celery(broker, http(told.timeout_s), told.flower_url, login)
