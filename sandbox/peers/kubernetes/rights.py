"""Who calls, by their token, and what they may: RBAC as far as roles of one namespace go."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.peers.kubernetes.answers import UNAUTHORIZED, KubeError, forbidden

ALL = "*"


@dataclass(frozen=True)
class Rule:
    groups: frozenset[str]
    resources: frozenset[str]  #: With a subresource as `pods/log`.
    verbs: frozenset[str]

    @classmethod
    def read(cls, rule: Mapping[str, Iterable[str]]) -> "Rule":
        """From a Role's `rules`."""
        names = ("apiGroups", "resources", "verbs")
        return cls(*(frozenset(rule[name]) for name in names))

    def allows(self, group: str, resource: str, verb: str) -> bool:
        asked = ((self.groups, group), (self.resources, resource), (self.verbs, verb))
        return all(wanted in given or ALL in given for given, wanted in asked)


@dataclass(frozen=True)
class User:
    name: str
    rules: tuple[Rule, ...]
    namespace: str  #: Where the rules hold; all for every one.


ANYTHING = (Rule(frozenset({ALL}), frozenset({ALL}), frozenset({ALL})),)


@dataclass(frozen=True)
class Asked:
    """What a request is about: `sub` is `log`, `scale` or empty."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    verb: str = ""

    def deny(self, user: str) -> KubeError:
        return forbidden(
            user, self.verb, self.resource, self.sub, self.group, self.namespace, self.name
        )


class Rights:
    def __init__(self) -> None:
        self.users: dict[str, User] = {}  #: By token.

    def user(self, authorization: str) -> User:
        """Raises KubeError 401."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or token not in self.users:
            raise UNAUTHORIZED
        return self.users[token]

    @staticmethod
    def check(user: User, asked: Asked) -> None:
        """Raises KubeError 403."""
        where = user.namespace in (ALL, asked.namespace)
        whole = f"{asked.resource}/{asked.sub}" if asked.sub else asked.resource
        if not where or not any(
            rule.allows(asked.group, whole, asked.verb) for rule in user.rules
        ):
            raise asked.deny(user.name)
