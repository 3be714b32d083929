"""What became of a call of AWS, in words of ours: what is known of it, and what to do next."""

import re
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)

from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable

Kind = Literal["read", "write"]
LONGEST_MESSAGE, LONGEST_CODE = 300, 80
IAM_PREFIXES = {"elbv2": "elasticloadbalancing"}
#: Where the permission is not called like the operation.
IAM_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:ListObjectsV2": "s3:ListBucket",
}
THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|PriorRequest")
DENIED = re.compile("AccessDenied|Unauthorized|NotAuthorized|^AuthFailure")
BAD_CREDENTIALS = re.compile("ExpiredToken|InvalidClientTokenId|UnrecognizedClient|Signature")
MISSING = re.compile("NotFound(Fault|Exception)?$|^NoSuch|^404$")
#: Seconds until a call that was throttled is worth another: its bucket is filled every second.
THROTTLED_S = 2.0
WHO = re.compile(r":(?:assumed-role|role|user)/([\w+=,.@-]+)")
#: The request never left: nothing can have been changed.
NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError)
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
)


class NotThere(Refused):
    """AWS knows no such thing."""


@dataclass(frozen=True)
class Call:
    """A call, and how to say to a person what became of it. Never repeats what was sent."""

    service: str
    operation: str
    kind: Kind

    @property
    def permission(self) -> str:
        """As IAM spells it: `ecs:UpdateService`."""
        action = "".join(word.capitalize() for word in self.operation.split("_"))
        name = f"{IAM_PREFIXES.get(self.service, self.service)}:{action.replace('Db', 'DB')}"
        return IAM_NAMES.get(name, name)

    def in_words(self, error: BotoCoreError | ClientError) -> StepError:
        if isinstance(error, ClientError):
            return self._answered(error)
        if isinstance(error, NO_CREDENTIALS):
            return Refused(
                f"The bot has no AWS credentials, so it cannot ask for {self.permission}."
                f" {self._nothing_done} Ask whoever runs the bot."
            )
        if isinstance(error, ParamValidationError):
            return Refused(
                f"The bot asked AWS wrongly for {self.permission}. {self._nothing_done}"
                " This is a fault of the bot: report it, and do this step by hand."
            )
        if isinstance(error, NEVER_LEFT):
            return NothingDone(
                f"AWS cannot be reached for {self.permission}. {self._nothing_done} Try again."
            )
        return self.unanswered()

    def unanswered(self) -> Unreachable:
        return Unreachable(f"AWS did not answer {self.permission}. {self._perhaps_done}")

    def unreadable(self) -> Unreachable:
        return Unreachable(
            f"AWS answered {self.permission} with something that cannot be read."
            f" {self._perhaps_done}"
        )

    def not_sent(self) -> NothingDone:
        return NothingDone(
            f"{self.permission} was not sent to AWS: too many calls still wait for an answer."
            f" {self._nothing_done} Try again."
        )

    def not_set_up(self) -> Refused:
        """No client could be made: a profile, region, address or credential is none."""
        return Refused(
            f"The bot's AWS settings or credentials cannot be used for {self.permission}."
            f" {self._nothing_done} Ask whoever runs the bot."
        )

    def _answered(self, error: ClientError) -> StepError:
        code = plain(error.response.get("Error", {}).get("Code") or "", LONGEST_CODE)
        says = plain(error.response.get("Error", {}).get("Message") or "", LONGEST_MESSAGE)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if THROTTLED.search(code) or status == 429:
            return NothingDone(
                f"AWS limits our calls of {self.permission} ({code}). {self._nothing_done}"
                " Try again in a minute.",
                THROTTLED_S,
            )
        if DENIED.search(code) or BAD_CREDENTIALS.search(code):
            return Refused(self._denied(code, says))
        if status >= 500:
            return Unreachable(
                f"AWS failed to answer {self.permission} (HTTP {status}). {self._perhaps_done}"
            )
        kind = NotThere if MISSING.search(code) else Refused
        return kind(f"AWS refused {self.permission}: {says} ({code}). {self._nothing_done}")

    def _denied(self, code: str, says: str) -> str:
        if BAD_CREDENTIALS.search(code):
            return (
                f"AWS does not accept the bot's credentials for {self.permission} ({code})."
                f" {self._nothing_done} Ask whoever runs the bot."
            )
        who = WHO.search(says)
        role = f" for role {who[1]}" if who else ""
        return (
            f"AWS refused {self.permission}{role} ({code}). {self._nothing_done}"
            " Ask someone with IAM rights."
        )

    @property
    def _nothing_done(self) -> str:
        return "Nothing was changed." if self.kind == "write" else "Nothing was read."

    @property
    def _perhaps_done(self) -> str:
        if self.kind == "write":
            return "It may have been done all the same: look before anything is repeated."
        return "Nothing was read. Try again."
