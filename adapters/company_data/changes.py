"""What can be changed in the company's database: who is told, and which token is used."""

import shlex

from pydantic import AwareDatetime

from bot.runbook import CHANGE, Change, Secret


class NotifyOwners(Change):
    """A notification for each owner of an organization, once for a person in a run."""

    effect = CHANGE
    repeatable = True

    run: str
    organization: int
    organization_name: str
    message: str = "Your Meta connection needs refresh"

    def target(self) -> str:
        return f"organization/{self.organization}/owners"

    def command(self) -> str:
        told = ("--organization", str(self.organization), "--message", self.message)
        return shlex.join(("notify-owners", self.organization_name, *told, "--run", self.run))

    def then(self) -> str:
        return f"Every owner of {self.organization_name} is told: {self.message}"


class StoreToken(Change):
    """
    A new system-user token for a business account, sealed with the newest key. `replacing` is the
    fingerprint of what is there now; that is kept, to be put back.
    """

    effect = CHANGE
    repeatable = True

    business_account: int
    organization_name: str
    new: Secret
    expires_at: AwareDatetime | None = None  #: Of the new one; None: never.

    def target(self) -> str:
        return f"business-account/{self.business_account}/token"

    def command(self) -> str:
        account = str(self.business_account)
        what = ("--organization", self.organization_name, "--from", str(self.new))
        return shlex.join(("store-token", account, *what))

    def then(self) -> str:
        return f"Business account {self.business_account} uses {self.new}"

    def undo(self) -> "RestoreToken":
        return RestoreToken(
            business_account=self.business_account,
            organization_name=self.organization_name,
            fingerprint=self.replacing,
            instead_of=self.new,
        )


class RestoreToken(Change):
    """Puts back what was there before a StoreToken."""

    effect = CHANGE
    repeatable = True

    business_account: int
    organization_name: str
    fingerprint: str | None  #: Of what is put back; None: there was no token.
    instead_of: Secret

    def target(self) -> str:
        return f"business-account/{self.business_account}/token"

    def command(self) -> str:
        account = str(self.business_account)
        what = "none" if self.fingerprint is None else self.fingerprint
        told = ("--organization", self.organization_name, "--fingerprint", what)
        return shlex.join(("restore-token", account, *told))

    def then(self) -> str:
        return f"Business account {self.business_account} uses the token of before"
