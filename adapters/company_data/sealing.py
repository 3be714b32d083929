"""
The company's tokens as they are stored: sealed by Fernet, newest key first. The same token sealed
twice looks different each time, so tokens are compared by what they open to; what is stored is
told apart by a fingerprint, which says nothing of the token.
"""

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.runbook.errors import Refused
from bot.secrets.redaction import REDACTOR
from bot.secrets.vault import Credential


def fingerprint(sealed: str | None) -> str | None:
    return sealed and hashlib.sha256(sealed.encode()).hexdigest()[:16]


class Seal:
    def __init__(self, keys: Credential | None) -> None:
        self._keys = keys

    async def seal(self, value: str) -> str:
        """With the newest key. Raises Refused, Unreachable."""
        return (await self._fernet()).encrypt(value.encode()).decode()

    async def open(self, sealed: str) -> str:
        """For one call. Raises Refused, Unreachable."""
        try:
            value = (await self._fernet()).decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise Refused(
                "The stored token cannot be opened: none of the keys of tokens.keys fits."
            ) from None
        REDACTOR.learn(value, "a stored token")
        return value

    async def opens_to(self, sealed: str | None, value: str) -> bool:
        """False also for what no key opens. Raises Refused without keys, Unreachable."""
        if not sealed:
            return False
        fernet = await self._fernet()
        try:
            return hmac.compare_digest(fernet.decrypt(sealed.encode()), value.encode())
        except (InvalidToken, UnicodeError):
            return False

    async def _fernet(self) -> MultiFernet:
        if not self._keys:
            raise Refused("Stored tokens cannot be opened: tokens.keys is not set.")
        written = (await self._keys.value()).replace(",", " ").split()
        for key in written:
            REDACTOR.learn(key, self._keys.reference)
        try:
            return MultiFernet([Fernet(key) for key in written or [""]])
        except ValueError:
            raise Refused(f"{self._keys.reference} does not hold keys of Fernet.") from None
