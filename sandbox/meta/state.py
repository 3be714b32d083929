"""Who and what Meta knows: our app, tokens, ad accounts, subscriptions."""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

#: Fields of the object `ad_account` that there are webhooks for.
AD_ACCOUNT_FIELDS = frozenset(
    {
        "ad_recommendations",
        "creative_fatigue",
        "in_process_ad_objects",
        "product_set_issue",
        "subscriptions",
        "with_issues_ad_objects",
    }
)
OUR_APP, OTHER_APP = "735200000000001", "735200000000002"
APP_NAMES = {OUR_APP: "ComplyAI", OTHER_APP: "Another app"}
#: Subcode and sentence of what can be wrong with a token.
WRONG = {
    "removed": (458, "The user has not authorized application."),
    "checkpoint": (459, "The user is checkpointed; log in at www.facebook.com."),
    "password": (
        460,
        "The session has been invalidated because the user changed their password or Facebook has"
        " changed the session for security reasons.",
    ),
    "expired": (463, "Session has expired."),
    "revoked": (467, "The session is invalid because the user logged out."),
}
State = Literal["valid", "removed", "checkpoint", "password", "expired", "revoked"]


@dataclass
class Token:
    value: str
    user: str = "10000000000001"
    app: str = OUR_APP
    kind: Literal["USER", "SYSTEM_USER", "PAGE", "APP"] = "USER"
    scopes: tuple[str, ...] = ("ads_management", "ads_read", "business_management")
    expires_at: float | None = None  #: None: never.
    data_access_until: float | None = None  #: None: not limited.
    state: State = "valid"

    def told(self, now: float) -> dict[str, Any]:
        """As debug_token tells of it."""
        state = self.state_at(now)
        data: dict[str, Any] = {
            "app_id": self.app,
            "type": self.kind,
            "application": APP_NAMES[self.app],
            "data_access_expires_at": int(self.data_access_until or 0),
            "expires_at": int(self.expires_at or 0),
            "is_valid": state == "valid",
            "scopes": list(self.scopes),
            "user_id": self.user,
        }
        if state != "valid":
            subcode, message = WRONG[state]
            said = f"Error validating access token: {message}"
            data["error"] = {"code": 190, "message": said, "subcode": subcode}
        return data

    def state_at(self, now: float) -> State:
        is_over = self.expires_at is not None and now >= self.expires_at
        return "expired" if is_over and self.state == "valid" else self.state


@dataclass
class Subscription:
    callback: str
    fields: tuple[str, ...]
    is_active: bool = True


@dataclass
class Account:
    """An ad account; `business` is whose limits its calls count for."""

    id: str  #: `act_...`
    business: str
    apps: set[str] = field(default_factory=set)  #: That hear of it.


def new_secret() -> str:
    return secrets.token_hex(16)
