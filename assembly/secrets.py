"""Where the secrets of the settings are read, and where those go that people type into forms."""

import contextlib

from adapters.secrets import SecretsManager
from assembly.outside import aws_calls
from bot.runbook.errors import Refused
from bot.secrets.keeping import Keeper, OwnKeeper
from bot.secrets.providers import Environment, Files
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential, Vault
from bot.settings import Settings
from bot.store.shelf import StoreShelf
from bot.store.store import Store


def open_vault(settings: Settings, stack: contextlib.AsyncExitStack) -> Vault:
    """Its calls of AWS wait for nobody else's. Closed when the stack is."""
    manager = _manager(settings, stack)
    vault = Vault({"env": Environment(), "file": Files(), "aws": manager})
    stack.push_async_callback(vault.close)
    return vault


def slack_token(settings: Settings, vault: Vault) -> Credential:
    return _needed(vault, settings.slack.bot_token, "slack.bot_token", "xoxb-...")


def intake_secret(settings: Settings, vault: Vault) -> Credential:
    """What the way in needs: the app token, or the signing secret."""
    slack = settings.slack
    if slack.mode == "socket":
        return _needed(vault, slack.app_token, "slack.app_token", "xapp-..., for Socket Mode")
    return _needed(vault, slack.signing_secret, "slack.signing_secret", "for HTTP mode")


async def store_url(settings: Settings, vault: Vault) -> str:
    url = settings.store.url
    return await vault.credential(url).value() if isinstance(url, Reference) else url


async def open_keeper(
    settings: Settings, vault: Vault, store: Store, stack: contextlib.AsyncExitStack
) -> Keeper | None:
    """None: secrets that people type are kept nowhere. Raises Refused, Unreachable."""
    wanted = settings.secrets
    if wanted.keep == "aws":
        return _manager(settings, stack)
    if wanted.keep == "store":
        assert wanted.keys  # The settings say so.
        keeper = OwnKeeper(StoreShelf(store), vault.credential(wanted.keys), wanted.prefix)
        await keeper.open()
        return keeper
    return None


def _manager(settings: Settings, stack: contextlib.AsyncExitStack) -> SecretsManager:
    return SecretsManager(aws_calls(settings, stack), settings.secrets.prefix)


def _needed(vault: Vault, reference: Reference | None, name: str, looks: str) -> Credential:
    if reference is None:
        variable = f"RUNBOOK_BOT_{name.upper().replace('.', '__')}"
        raise Refused(
            f"{name} is not given ({looks}). Put the token into the environment variable"
            f" {variable}, or say in the settings where it is kept."
        )
    return vault.credential(reference)
