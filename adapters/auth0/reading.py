"""What Auth0's answers have to look like, and what is taken from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from adapters.auth0.facts import Grant, SignIn, User
from adapters.plain import plain
from bot.runbook.errors import Unreachable

#: Log event types that are about signing in, in words; and those that succeeded.
KINDS: Mapping[str, str] = {
    "s": "signed in",
    "ssa": "signed in silently",
    "serft": "used a refresh token",
    "slo": "signed out",
    "f": "failed",
    "fp": "wrong password",
    "fu": "no such user",
    "fsa": "failed silently",
    "ferft": "refresh token refused",
    "limit_wc": "blocked after failures",
    "limit_mu": "address blocked after failures",
    "pwd_leak": "leaked password",
}
SUCCEEDED = frozenset({"s", "ssa", "serft", "slo"})
Text = Annotated[str, BeforeValidator(lambda given: plain(given) if given is not None else "")]
#: As Auth0 writes them, `2026-11-24T03:12:00.000Z`; a number would be read as seconds.
Moment = Annotated[AwareDatetime, BeforeValidator(lambda given: _moment(given))]
T = TypeVar("T")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class _User(_Shape):
    user_id: str = Field(min_length=1, max_length=255)
    email: Text = ""
    name: Text = ""
    blocked: bool = Field(default=False, strict=True)
    last_login: Moment | None = None
    last_ip: Text = ""
    logins_count: int = Field(default=0, ge=0)


class _Device(_Shape):
    last_ip: Text = ""
    last_user_agent: Text = ""


class _Grant(_Shape):
    id: str
    created_at: Moment | None = None
    last_interacted_at: Moment | None = None  #: Of a session.
    last_exchanged_at: Moment | None = None  #: Of a refresh token.
    device: _Device = _Device()


class _Place(_Shape):
    country_code: Text = ""


class _Entry(_Shape):
    date: Moment
    type: str
    user_id: Text = ""
    user_name: Text = ""
    ip: Text = ""
    user_agent: Text = ""
    location_info: _Place | None = None


class _Sessions(_Shape):
    sessions: list[_Grant]
    next: str | None = None


class _Tokens(_Shape):
    tokens: list[_Grant]
    next: str | None = None


def users_of(content: object) -> tuple[User, ...]:
    """Raises Unreachable for a shape that is not understood, as all here."""
    return tuple(_user(one) for one in _as(TypeAdapter(list[_User]), content, "users"))


def user_of(content: object) -> User:
    return _user(_as(TypeAdapter(_User), content, "a user"))


def sessions_of(content: object) -> tuple[Sequence[Grant], str]:
    """Of one page, and where the next begins, or ''."""
    read = _as(TypeAdapter(_Sessions), content, "sessions")
    return [_grant("session", one) for one in read.sessions], read.next or ""


def tokens_of(content: object) -> tuple[Sequence[Grant], str]:
    read = _as(TypeAdapter(_Tokens), content, "refresh tokens")
    return [_grant("refresh token", one) for one in read.tokens], read.next or ""


def entries_of(content: object) -> Sequence[SignIn]:
    return [_entry(one) for one in _as(TypeAdapter(list[_Entry]), content, "entries of its log")]


def _user(read: _User) -> User:
    return User(
        id=read.user_id,
        email=read.email,
        name=read.name,
        is_blocked=read.blocked,
        last_sign_in=read.last_login,
        last_ip=read.last_ip,
        sign_ins=read.logins_count,
    )


def _grant(kind: Literal["session", "refresh token"], read: _Grant) -> Grant:
    return Grant(
        kind=kind,
        created_at=read.created_at,
        last_used_at=read.last_interacted_at or read.last_exchanged_at,
        ip=read.device.last_ip,
        user_agent=read.device.last_user_agent,
    )


def _entry(read: _Entry) -> SignIn:
    return SignIn(
        at=read.date,
        what=KINDS.get(read.type, plain(read.type, 40)),
        succeeded=read.type in SUCCEEDED,
        user_id=read.user_id,
        user_name=read.user_name,
        ip=read.ip,
        country=read.location_info.country_code if read.location_info else "",
        user_agent=read.user_agent,
    )


def _moment(given: Any) -> datetime | None:
    """Raises ValueError, TypeError."""
    return None if given is None else datetime.fromisoformat(given)


def _as(shape: TypeAdapter[T], content: object, what: str) -> T:
    try:
        return shape.validate_python(content)
    except (ValidationError, TypeError):
        raise Unreachable(f"Auth0 answered with something else than {what}") from None
