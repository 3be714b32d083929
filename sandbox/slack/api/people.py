"""users.* and usergroups.*."""

from sandbox.slack.api.call import Call, Method
from sandbox.slack.people import Person
from sandbox.slack.wire import Failure, Json


def _shape(call: Call, person: Person) -> Json:
    with_email = "users:read.email" in call.team.app.scopes
    return person.shape(call.team.id, with_email=with_email)


async def info(call: Call) -> Json:
    return {"user": _shape(call, call.team.person(call.need("user")))}


async def list_(call: Call) -> Json:
    people = list(call.team.people.by_id.values())
    page, cursor = call.page(people)
    members = [_shape(call, person) for person in page]
    more = {"response_metadata": {"next_cursor": cursor}}
    return {"members": members, "cache_ts": call.team.now(), **more}


async def lookup_by_email(call: Call) -> Json:
    person = call.team.people.with_email(call.need("email"))
    if person is None:
        raise Failure("users_not_found")
    return {"user": _shape(call, person)}


async def groups(call: Call) -> Json:
    with_users, disabled = call.flag("include_users"), call.flag("include_disabled")
    found = [g for g in call.team.people.groups.values() if disabled or not g.disabled]
    return {"usergroups": [g.shape(call.team.id, with_users=with_users) for g in found]}


async def group_members(call: Call) -> Json:
    group = call.team.people.groups.get(call.need("usergroup"))
    if group is None or (group.disabled and not call.flag("include_disabled")):
        raise Failure("no_such_subteam")
    return {"users": list(group.members)}


_READ, _GROUPS = ("users:read",), ("usergroups:read",)
METHODS = {
    "users.info": Method(info, _READ, takes_json=False),
    "users.list": Method(list_, _READ, takes_json=False),
    "users.lookupByEmail": Method(lookup_by_email, ("users:read.email",), takes_json=False),
    "usergroups.list": Method(groups, _GROUPS, takes_json=False),
    "usergroups.users.list": Method(group_members, _GROUPS, takes_json=False),
}
