"""
Where the secrets go that a person types into a form: at once into a store for secrets. What
travels on is a `Secret`, which says where, and which version.

This is the bot's own store, for those who have no other: sealed by Fernet before it is a row. The
keys are a credential, newest first. When they change, everything is sealed anew with the newest
one; an older key can be taken away after that.
"""

import json
import uuid
from collections.abc import Callable
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from bot.runbook.errors import Refused
from bot.runbook.values import Secret
from bot.secrets.redaction import REDACTOR
from bot.secrets.vault import Credential

NAMESPACE = uuid.UUID("0d6a4e52-7b0f-4b0e-9a34-3c1f6f3b7a90")


def version_of(key: str) -> str:
    """The same for the same key: what is stored again is there already."""
    return str(uuid.uuid5(NAMESPACE, key))


class Keeper(Protocol):
    async def keep(self, name: str, value: SecretStr, key: str) -> Secret:
        """Stores it; a repetition with the same key does nothing. Raises Refused, Unreachable."""

    async def value(self, secret: Secret) -> str:
        """For an adapter, at the moment of use. Raises Refused, Unreachable."""


class Shelf(Protocol):
    """Sealed secrets, by name and version."""

    async def put(self, name: str, version: str, sealed: bytes) -> None:
        """What is there already stays."""

    async def get(self, name: str, version: str) -> bytes | None: ...

    async def reseal(self, seal: Callable[[bytes], bytes]) -> None:
        """All of them at once, or none."""


class OwnKeeper:
    """`open` it first: it says whether the keys are any good, and seals anew what is older."""

    def __init__(self, shelf: Shelf, keys: Credential, prefix: str) -> None:
        self._shelf, self._keys, self._prefix = shelf, keys, prefix
        self._read_with = ""

    async def open(self) -> None:
        """Raises Refused, Unreachable."""
        await self._seal()

    async def keep(self, name: str, value: SecretStr, key: str) -> Secret:
        plain, secret = (
            value.get_secret_value(),
            Secret(name=self._prefix + name, version=version_of(key)),
        )
        REDACTOR.learn(plain, secret.name)
        seal = await self._seal()
        sealed = seal.encrypt(json.dumps([secret.name, secret.version, plain]).encode())
        await self._shelf.put(secret.name, secret.version, sealed)
        return secret

    async def value(self, secret: Secret) -> str:
        sealed = await self._shelf.get(secret.name, secret.version)
        if sealed is None:
            raise Refused(f"There is no {secret} in the bot's own store. Fill in the form again.")
        seal = await self._seal()
        try:
            name, version, plain = json.loads(seal.decrypt(sealed))
        except InvalidToken:
            raise Refused(
                f"{secret} was sealed with a key that {self._keys.reference} does not have any"
                " more. Fill in the form again."
            ) from None
        if (name, version) != (secret.name, secret.version):
            raise Refused(f"What is stored as {secret} is another secret. It is not used.")
        REDACTOR.learn(plain, secret.name)
        return str(plain)

    async def _seal(self) -> MultiFernet:
        written = await self._keys.value()
        fernets = self._fernets(written)
        seal = MultiFernet(fernets)
        if written != self._read_with:
            await self._shelf.reseal(lambda sealed: _sealed_anew(sealed, fernets[0], seal))
            self._read_with = written
        return seal

    def _fernets(self, written: str) -> list[Fernet]:
        keys = written.replace(",", " ").split()
        for key in keys:
            REDACTOR.learn(key, self._keys.reference)
        try:
            return [Fernet(key) for key in keys or [""]]
        except ValueError:
            raise Refused(
                f"{self._keys.reference} does not hold keys of Fernet, so no secret can be kept."
                " docs/install.md says how to make one."
            ) from None


def _sealed_anew(sealed: bytes, newest: Fernet, seal: MultiFernet) -> bytes:
    """What no key opens is left as it is: its key may come back."""
    try:
        newest.decrypt(sealed)
        return sealed
    except InvalidToken:
        pass
    try:
        return seal.rotate(sealed)
    except InvalidToken:
        return sealed
