"""views.*: opening, stacking, changing modals, and publishing Home tabs."""

from sandbox.slack.api.call import Call, Method, invalid
from sandbox.slack.blocks import VIEW_BYTES_MAX, problems_in_view
from sandbox.slack.team import Team
from sandbox.slack.views import View, stored
from sandbox.slack.wire import Failure, Json


def accepted(team: Team, view: object, kind: str = "modal") -> Json:
    """The view as it will be kept. Raises Failure with a pointer to everything wrong in it."""
    problems = problems_in_view(view)
    if not isinstance(view, dict) or problems:
        raise Failure("invalid_arguments", *[f"[ERROR] {each.line()}" for each in problems])
    if view["type"] != kind:
        raise invalid(f"unsupported type: {view['type']} [json-pointer:/view/type]")
    if len(str(view)) > VIEW_BYTES_MAX:
        raise Failure("view_too_large")
    app = {"team_id": team.id, "app_id": team.app.id, "app_installed_team_id": team.id}
    return stored(view, app | {"bot_id": team.app.bot_id}, team.clock)


def _answer(call: Call, view: View) -> Json:
    call.team.view_changed(view.user_id)
    return {"view": view.shape()}


async def open_(call: Call) -> Json:
    body = accepted(call.team, call.tree("view"))
    trigger = call.team.triggers.exchange(call.need("trigger_id"))
    return _answer(call, call.team.views.open(trigger.user_id, body))


async def push(call: Call) -> Json:
    body = accepted(call.team, call.tree("view"))
    trigger = call.team.triggers.exchange(call.need("trigger_id"))
    return _answer(call, call.team.views.push(trigger.user_id, body))


async def update(call: Call) -> Json:
    if not call.text("view_id") and not call.text("external_id"):
        raise invalid("missing required field: view_id or external_id")
    view = call.team.views.find(call.text("view_id"), call.text("external_id"))
    body = accepted(call.team, call.tree("view"), view.body["type"])
    return _answer(call, call.team.views.update(view, body, call.text("hash") or None))


async def publish(call: Call) -> Json:
    user_id = call.need("user_id")
    if user_id not in call.team.people.by_id:
        raise invalid("user_not_found [json-pointer:/user_id]")
    home = call.team.app.manifest.get("features", {}).get("app_home", {})
    if not home.get("home_tab_enabled", False):
        raise Failure("not_enabled")
    body = accepted(call.team, call.tree("view"), "home")
    view = call.team.views.publish(user_id, body, call.text("hash") or None)
    call.team.changes.tell({"type": "home"}, user_id)
    return {"view": view.shape()}


METHODS = {
    "views.open": Method(open_),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
