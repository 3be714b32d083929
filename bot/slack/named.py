"""Whether Slack knows the people and the user groups that the policy names. For the doctor."""

from collections.abc import Iterator

from bot.access.policy import Policy
from bot.runbook.errors import Refused
from bot.slack.calls import Calls

#: What Slack answers for an id that nobody has.
UNKNOWN = frozenset({"no_such_subteam", "subteam_not_found", "user_not_found", "user_not_visible"})


async def known_to_slack(calls: Calls, policy: Policy) -> None:
    """Raises Unreachable, and Refused with everything that is not so."""
    wrong = []
    for role, kind, id in _named(policy):
        method, argument = KINDS[kind]
        answer = await calls.call(method, **{argument: id})
        error = str(answer.get("error", ""))
        if error in UNKNOWN:
            wrong.append(f"{id} of the role {role} is no {kind} of this workspace")
        elif not answer["ok"]:
            wrong.append(f"{id} of the role {role} cannot be read ({error})")
        elif kind == "person" and answer["user"].get("deleted"):
            wrong.append(f"{id} of the role {role} is deactivated")
    if wrong:
        raise Refused("; ".join(wrong))


KINDS = {
    "user group": ("usergroups.users.list", "usergroup"),
    "person": ("users.info", "user"),
}


def _named(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for role, members in policy.roles.items():
        yield from ((role, "user group", id) for id in members.groups)
        yield from ((role, "person", id) for id in members.users)
