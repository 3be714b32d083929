"""
What can be changed at Meta: our app's one subscription, and for each ad account whether our app
hears of it. Meta delivers nothing unless both are there.
"""

import shlex
from typing import ClassVar

from bot.runbook import CHANGE, Change

OBJECT = "ad_account"
GRAPH = "https://graph.facebook.com"


class Subscribe(Change):
    """
    Sets where and about what Meta tells us. What was there before is replaced, and with it the
    fields, so these are all that are wanted.
    """

    effect = CHANGE
    repeatable = True

    app: str
    callback: str
    fields: tuple[str, ...]
    #: `replacing` is the callback that was there; None: there was no subscription.
    replacing_fields: tuple[str, ...] = ()

    def target(self) -> str:
        return f"meta/{self.app}/subscriptions"

    def command(self) -> str:
        fields = ",".join(self.fields)
        told = (f"object={OBJECT}", f"callback_url={self.callback}", f"fields={fields}")
        return _curl("POST", f"{self.app}/subscriptions", *told)

    def then(self) -> str:
        return f"Meta tells {self.callback} about {', '.join(self.fields)}"

    def undo(self) -> "Subscribe | Unsubscribe":
        if self.replacing is None:
            return Unsubscribe(app=self.app, replacing=self.callback)
        return Subscribe(
            app=self.app,
            callback=self.replacing,
            fields=self.replacing_fields,
            replacing=self.callback,
            replacing_fields=self.fields,
        )


class Unsubscribe(Change):
    """Takes our app's subscription away, where there was none before."""

    effect = CHANGE
    repeatable = True

    app: str
    replacing: str

    def target(self) -> str:
        return f"meta/{self.app}/subscriptions"

    def command(self) -> str:
        return _curl("DELETE", f"{self.app}/subscriptions", f"object={OBJECT}")

    def then(self) -> str:
        return f"Meta tells {self.replacing} nothing"


class _OfAccount(Change):
    effect = CHANGE
    repeatable = True
    method: ClassVar[str] = "POST"

    app: str
    account: str  #: `act_...`
    business_account: int  #: Of ours, with whose token it is done.

    def target(self) -> str:
        return f"meta/{self.account}/subscribed_apps"

    def command(self) -> str:
        path = f"{self.account}/subscribed_apps"
        return _curl(self.method, path, f"app_id={self.app}")


class SubscribeApp(_OfAccount):
    """Our app hears of this ad account."""

    def then(self) -> str:
        return f"Meta tells our app about {self.account}"

    def undo(self) -> "UnsubscribeApp":
        return UnsubscribeApp(
            app=self.app, account=self.account, business_account=self.business_account
        )


class UnsubscribeApp(_OfAccount):
    """Our app hears of this ad account no more."""

    method = "DELETE"

    def then(self) -> str:
        return f"Meta tells our app nothing about {self.account}"


def _curl(method: str, path: str, *told: str) -> str:
    """Without the token, which belongs into a header."""
    form = (word for one in told for word in ("-d", one))
    return shlex.join(("curl", "-X", method, f"{GRAPH}/{path}", *form))
