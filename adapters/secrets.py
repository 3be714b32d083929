"""
AWS Secrets Manager: where secrets are read that settings name by `aws:name`, and where those go
that people type into forms. No runbook asks for this: values go to other adapters only.

Every value of a field of a form is a version of one secret. The version's id comes from the form's
key, so storing it again, after an answer was lost, is the same version.
"""

import json
from typing import Any

from pydantic import SecretStr

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from bot.runbook.errors import Refused
from bot.runbook.values import Secret
from bot.secrets.keeping import version_of
from bot.secrets.redaction import REDACTOR
from bot.secrets.reference import Reference

READS = ("secretsmanager:GetSecretValue",)
KEEPS = ("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue")
DESCRIPTION = "Typed into a form of Runbook Bot"


class SecretsManager:
    """Implements bot.secrets.vault.Provider and, below `prefix`, bot.secrets.keeping.Keeper."""

    def __init__(self, calls: AwsCalls, prefix: str) -> None:
        self._calls, self._prefix = calls, prefix

    async def read(self, reference: Reference) -> str:
        """Raises Refused, Unreachable."""
        whole = await self._text(str(reference), SecretId=reference.name)
        return _field(whole, reference) if reference.field else whole

    async def keep(self, name: str, value: SecretStr, key: str) -> Secret:
        """Raises Refused, Unreachable: then it may be there, and keeping it again is safe."""
        secret = Secret(name=self._prefix + name, version=version_of(key))
        plain = value.get_secret_value()
        REDACTOR.learn(plain, secret.name)
        content = {"SecretString": plain, "ClientRequestToken": secret.version}
        try:
            await self._write("put_secret_value", SecretId=secret.name, **content)
        except NotThere:
            told = {"Name": secret.name, "Description": DESCRIPTION}
            await self._write("create_secret", **told, **content)
        return secret

    async def value(self, secret: Secret) -> str:
        plain = await self._text(str(secret), SecretId=secret.name, VersionId=secret.version)
        REDACTOR.learn(plain, secret.name)
        return plain

    async def _text(self, what: str, **which: str) -> str:
        try:
            answer = await self._calls.read("secretsmanager", "get_secret_value", **which)
        except Refused as error:
            raise Refused(f"There is no secret to be had at {what}. {error}") from None
        text = answer.get("SecretString")
        if not isinstance(text, str) or not text.strip():
            raise Refused(f"The secret at {what} is empty, or no text.")
        return text

    async def _write(self, operation: str, **params: Any) -> None:
        await self._calls.write("secretsmanager", operation, **params)


def _field(whole: str, reference: Reference) -> str:
    try:
        value = json.loads(whole)[reference.field]
    except (ValueError, LookupError, TypeError):
        raise Refused(
            f"There is no secret at {reference}: what is stored there is no JSON object with this"
            " field."
        ) from None
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise Refused(f"The secret at {reference} is empty, or no text.")
    return str(value)
