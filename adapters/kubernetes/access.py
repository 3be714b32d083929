"""
Where Kubernetes' API is, whom to trust there, and how to log in.

By `kubernetes.url`, its authority's certificate and a token; by a kubeconfig; or, with neither, as
a pod of the cluster does. A kubeconfig may name a program that logs in: none is started here.
"""

import asyncio
import os
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from adapters.http_calls import is_loopback
from bot.runbook.errors import Refused
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential
from bot.settings import KubernetesSettings

#: Where a pod finds the token and the authority's certificate of its service account.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MOST_CONNECTIONS = 250  #: Of which each log that is followed has one.
READ_BUFFER = 64 * 1024
NOTHING_DONE = "Nothing was asked. Correct the settings"


@dataclass(frozen=True)
class Place:
    """An address with its TLS, and what a kubeconfig has to log in with."""

    configuration: Configuration
    tls: ssl.SSLContext
    proxy: str | None


def is_said_where(settings: KubernetesSettings) -> bool:
    """Whether it is known where Kubernetes is."""
    return bool(settings.url or settings.kubeconfig) or _in_cluster()


def token_reference(settings: KubernetesSettings) -> Reference | None:
    """Where the token is kept, unless it stands in a kubeconfig."""
    if settings.url or settings.kubeconfig:
        return settings.token
    return Reference(f"file:{SERVICE_ACCOUNT / 'token'}") if _in_cluster() else None


async def open_place(settings: KubernetesSettings) -> Place:
    """Raises Refused when the settings cannot be used."""
    return await asyncio.to_thread(_place, settings)


async def open_client(place: Place) -> ApiClient:
    """
    With connections of our own: none is redirected or repeated, none sends what a .netrc has, and
    what is read ahead of somebody slow is bounded.
    """
    client = ApiClient(place.configuration)
    client.user_agent = "runbook-bot"
    await client.rest_client.close()
    client.rest_client.pool_manager = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, ssl=place.tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=place.proxy,
        read_bufsize=READ_BUFFER,
        trace_configs=[_no_redirects()],
    )
    return client


class KubeconfigToken:
    """Implements bot.secrets.vault.Provider: a kubeconfig is read again when its token is old."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._settings = settings

    async def read(self, reference: Reference) -> str:
        place = await open_place(self._settings)
        return _token_in(place.configuration)


def kubeconfig_credential(settings: KubernetesSettings, place: Place) -> Credential | None:
    """None: the kubeconfig logs in with a certificate."""
    if not _token_in(place.configuration):
        return None
    return Credential(Reference(f"file:{settings.kubeconfig}"), KubeconfigToken(settings))


def _token_in(configuration: Configuration) -> str:
    return str(configuration.api_key.get("BearerToken", "")).removeprefix("Bearer ")


def _place(settings: KubernetesSettings) -> Place:
    if settings.url:
        configuration = Configuration(host=settings.url.rstrip("/"))
        configuration.ssl_ca_cert = settings.ca or None
    elif settings.kubeconfig:
        configuration = _from_kubeconfig(settings.kubeconfig, settings.context)
    elif _in_cluster():
        configuration = Configuration(host=_address_in_cluster())
        configuration.ssl_ca_cert = str(SERVICE_ACCOUNT / "ca.crt")
    else:
        raise Refused(
            "It is not said where Kubernetes is, and the bot is no pod of it. Nothing was asked."
            " Give kubernetes.url with kubernetes.token, or kubernetes.kubeconfig."
        )
    address = str(configuration.host)
    if urlsplit(address).scheme != "https" and not is_loopback(address):
        raise Refused(f"Kubernetes has an address without TLS. {NOTHING_DONE}: use https.")
    if not configuration.verify_ssl:
        raise Refused(
            "The kubeconfig says not to check Kubernetes' certificate, so anybody could be it."
            f" {NOTHING_DONE}: give its authority's certificate."
        )
    return Place(configuration, _tls(configuration), _proxy(address))


def _from_kubeconfig(path: str, context: str) -> Configuration:
    configuration = Configuration()
    try:
        config: Any = KubeConfigMerger(path).config
        name = context or config["current-context"]
        user = config["contexts"].get_with_name(name)["context"]["user"]
        login = config["users"].get_with_name(user)["user"]
        starts = [way for way in ("exec", "auth-provider") if way in login]
        if not starts:
            loader = KubeConfigLoader(config, active_context=name, config_base_path=None)
            asyncio.run(loader.load_and_set(configuration))
    except Exception:  # Whatever a file can be instead; the error's text may show a secret.
        raise Refused(
            f"The kubeconfig {path} cannot be used: it is not there, is none, or has no such"
            f" context. {NOTHING_DONE}."
        ) from None
    if starts:
        raise Refused(
            f"The kubeconfig {path} logs in with a program ({starts[0]}), and the bot starts none."
            f" {NOTHING_DONE}: use a service account's token."
        )
    return configuration


def _tls(configuration: Configuration) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ssl.SSLError):
        raise Refused(
            "The certificates for Kubernetes cannot be read: kubernetes.ca, or those that the"
            f" kubeconfig names. {NOTHING_DONE}."
        ) from None
    return context


def _proxy(address: str) -> str | None:
    """From the environment, as other clients do; loopback is never proxied."""
    url = urlsplit(address)
    if is_loopback(address) or urllib.request.proxy_bypass(url.hostname or ""):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _in_cluster() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _address_in_cluster() -> str:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _no_redirects() -> aiohttp.TraceConfig:
    async def refuse(*_: Any) -> None:
        raise Refused("Kubernetes sent us elsewhere. Check its address in settings.")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace
