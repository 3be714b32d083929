"""What is about the app and the workspace themselves: api.test, auth.test, team.info and so on."""

from sandbox.slack.api.call import Call, Method
from sandbox.slack.blocks import problems_in_blocks, problems_in_view
from sandbox.slack.wire import Failure, Json


async def api_test(call: Call) -> Json:
    if call.text("error"):
        raise Failure(call.text("error"), args=call.args)
    return {"args": call.args}


async def auth_test(call: Call) -> Json:
    team, app = call.team, call.team.app
    return {
        "url": f"{team.url}/",
        "team": team.name,
        "user": team.person(app.user_id).name,
        "team_id": team.id,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


async def connections_open(call: Call) -> Json:
    return {"url": call.team.issue_ticket()}


async def team_info(call: Call) -> Json:
    team = call.team
    shape = {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": ""}
    return {"team": shape | {"url": f"{team.url}/", "is_verified": False}}


async def blocks_validate(call: Call) -> Json:
    given = [name for name in ("blocks", "view", "message") if call.args.get(name) is not None]
    if len(given) != 1:
        message = "must provide exactly one of `blocks`, `view`, or `message`"
        raise Failure("invalid_arguments", message)
    (what,) = given
    tree = call.tree(what)
    if what == "view":
        problems = problems_in_view(tree)
    elif what == "message":
        blocks = tree.get("blocks", []) if isinstance(tree, dict) else None
        problems = problems_in_blocks(blocks, "/blocks")
    else:
        problems = problems_in_blocks(tree)
    if problems:
        raise Failure(f"invalid_{what}", errors=[problem.shape() for problem in problems])
    return {}


METHODS = {
    "api.test": Method(api_test),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections_open, app_token=True),
    "team.info": Method(team_info, ("team:read",)),
    "blocks.validate": Method(blocks_validate),
}
