"""
The part of Kubernetes' HTTP API that the bot and kubectl use: discovery; get, list, watch and
patch of what the store has; `scale` of deployments; `log` of pods.
"""

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from sandbox.peers.kubernetes import answers
from sandbox.peers.kubernetes.answers import KubeError, bad_request
from sandbox.peers.kubernetes.logs import LOOK_EVERY_S, TRUE, happens
from sandbox.peers.kubernetes.patches import MERGES
from sandbox.peers.kubernetes.rights import Asked
from sandbox.peers.kubernetes.selectors import fits_fields, fits_labels
from sandbox.peers.kubernetes.store import KINDS, Kind, Object, Store, Write
from sandbox.peers.kubernetes.tables import table

VERBS = ("get", "list", "watch", "patch", "update")
WATCH_S = 1800.0
SUBS = {("deployments", "scale"), ("pods", "log")}


def asked_in(request: web.Request) -> Asked | None:
    """What a path of a resource names; None: of discovery. Raises KubeError."""
    parts = [part for part in request.path.split("/") if part]
    group = "" if parts[:2] == ["api", "v1"] else "apps"
    rest = parts[2:] if group == "" else parts[3:]
    if not rest:
        return None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    else:
        namespace = ""
    resource, name, sub, *more = [*rest, "", "", ""][: max(3, len(rest))]
    known = any((one.group, one.resource) == (group, resource) for one in KINDS)
    if not known or any(more) or (sub and (resource, sub) not in SUBS):
        raise answers.no_resource()
    return Asked(group, resource, namespace, name, sub, _verb(request, name))


def _verb(request: web.Request, name: str) -> str:
    if request.method == "GET":
        watches = request.query.get("watch") in TRUE
        return "get" if name else "watch" if watches else "list"
    verbs = {"PATCH": "patch", "PUT": "update", "DELETE": "delete", "POST": "create"}
    return verbs.get(request.method, request.method.lower())


def kind_of(asked: Asked) -> Kind:
    return next(one for one in KINDS if (one.group, one.resource) == (asked.group, asked.resource))


def discovery(path: str) -> Object:
    """Raises KubeError 404, for a path of which nothing is known."""
    match path.strip("/").split("/"):
        case ["version"]:
            version = {"major": "1", "minor": "32", "gitVersion": "v1.32.0-sandbox"}
            return {**version, "platform": "linux/amd64"}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            version = {"groupVersion": "apps/v1", "version": "v1"}
            apps = {"name": "apps", "versions": [version], "preferredVersion": version}
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [apps]}
        case ["api", "v1"] | ["apis", "apps", "v1"]:
            return _resources("apps" if "apps" in path else "")
    raise answers.no_resource()


def _resources(group: str) -> Object:
    found = [_resource(one) for one in KINDS if one.group == group]
    if group == "apps":
        scale = {"name": "deployments/scale", "kind": "Scale", "group": "autoscaling"}
        found.append({**scale, "version": "v1", "singularName": "", "namespaced": True})
    else:
        log = {"name": "pods/log", "kind": "Pod", "singularName": "", "namespaced": True}
        found.append(log)
    for one in found:
        one.setdefault("verbs", ["get", "patch", "update"])
    version = f"{group}/v1" if group else "v1"
    listed = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version}
    return {**listed, "resources": found}


def _resource(kind: Kind) -> Object:
    return {
        "name": kind.resource,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(VERBS),
        "shortNames": [kind.short],
    }


def listed(store: Store, asked: Asked, request: web.Request) -> Object:
    """A page of them, as a list or as kubectl's table. Raises KubeError."""
    kind, query = kind_of(asked), request.query
    found = [one for one in store.all(kind, asked.namespace or None) if _fits(one, query)]
    start, limit = int(query.get("continue") or 0), int(query.get("limit") or 0)
    page = found[start : start + limit] if limit else found
    metadata: Object = {"resourceVersion": str(store.version)}
    if left := len(found) - start - len(page):
        metadata |= {"continue": str(start + limit), "remainingItemCount": left}
    if _wants_table(request):
        return table(kind, page, metadata, store.clock.now())
    bare = [_without(one, "kind", "apiVersion") for one in page]
    of = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version}
    return {**of, "metadata": metadata, "items": bare}


def shown(store: Store, asked: Asked, request: web.Request) -> Object:
    """One of them. Raises KubeError 404."""
    kind = kind_of(asked)
    found = store.get(kind, asked.namespace, asked.name)
    if asked.sub == "scale":
        return scale_of(found)
    if _wants_table(request):
        return table(kind, [found], {"resourceVersion": "0"}, store.clock.now())
    return found


def _wants_table(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def _fits(found: Object, query: Mapping[str, str]) -> bool:
    labels = found["metadata"].get("labels", {})
    return fits_labels(labels, query.get("labelSelector", "")) and fits_fields(
        found, query.get("fieldSelector", "")
    )


def _without(found: Object, *names: str) -> Object:
    return {name: value for name, value in found.items() if name not in names}


def scale_of(deployment: Object) -> Object:
    of, spec = deployment["metadata"], deployment["spec"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = ",".join(f"{k}={v}" for k, v in spec["selector"]["matchLabels"].items())
    running = deployment.get("status", {}).get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: of[name] for name in kept},
        "spec": {"replicas": spec["replicas"]},
        "status": {"replicas": running, "selector": selector},
    }


def changed(store: Store, asked: Asked, content_type: str, body: Any) -> Object:
    """What is there after a patch, or after a scale that was put. Raises KubeError."""
    kind = kind_of(asked)
    there = store.get(kind, asked.namespace, asked.name)
    seen = scale_of(there) if asked.sub == "scale" else there
    if asked.verb == "update":
        made = body
    elif content_type in MERGES:
        made = MERGES[content_type](copy.deepcopy(seen), body)
    else:
        raise KubeError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if made["metadata"].get("resourceVersion", "") not in ("", _version(there)):
        raise answers.conflict(kind.resource, kind.group, asked.name)
    if asked.sub == "scale":
        made = {**there, "spec": {**there["spec"], "replicas": made["spec"]["replicas"]}}
    _check_replicas(made, asked)
    kept = _kept(store, kind, there, made)
    return scale_of(kept) if asked.sub else kept


def _kept(store: Store, kind: Kind, there: Object, made: Object) -> Object:
    """Nothing is written when nothing is changed, and only a new spec is a new generation."""
    of = there["metadata"]
    if _bare(made) == _bare(there):
        return there
    is_new = made.get("spec") != there.get("spec")
    number = of.get("generation", 1) + is_new
    content = {**made, "metadata": {**made["metadata"], "generation": number}}
    return store.put(kind, of["namespace"], of["name"], content)


def _bare(one: Object) -> Object:
    return {**one, "metadata": _without(one["metadata"], "resourceVersion")}


def _version(one: Object) -> str:
    return str(one["metadata"]["resourceVersion"])


def _check_replicas(made: Object, asked: Asked) -> None:
    wanted = made["spec"].get("replicas", 1)
    kind, group = ("Scale", "autoscaling") if asked.sub else ("Deployment", "apps")
    if not isinstance(wanted, int):
        says = f"unrecognized type: int32: {wanted!r}"
        raise answers.invalid(kind, group, asked.name, "patch", says)
    if wanted < 0:
        says = f"Invalid value: {wanted}: must be greater than or equal to 0"
        raise answers.invalid(kind, group, asked.name, "spec.replicas", says)


async def watched(store: Store, asked: Asked, request: web.Request) -> web.StreamResponse:
    """Every write from a version on, one JSON a line, until the time is over."""
    kind, query = kind_of(asked), request.query
    given = query.get("resourceVersion", "")
    if given and not given.isdigit():
        raise bad_request(f'invalid resource version "{given}"')
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    at = int(given or 0)
    if not at:
        at = store.version
        for one in store.all(kind, asked.namespace or None):
            if _fits(one, query):
                await _send(response, "ADDED", _as_asked(kind, one, request, store))
    loop = asyncio.get_running_loop()
    until = loop.time() + float(query.get("timeoutSeconds") or WATCH_S)
    with store.watching() as changed_now:
        while (left := until - loop.time()) > 0:
            changed_now.clear()
            writes = store.since(at)
            if writes is None:
                await _send(response, "ERROR", answers.too_old(at, store.version).status())
                break
            at = store.version
            for what, found in _of_interest(writes, kind, asked, query):
                await _send(response, what, _as_asked(kind, found, request, store))
            if request.transport is None:
                break
            await happens(changed_now, min(left, LOOK_EVERY_S))
    await response.write_eof()
    return response


def _of_interest(
    writes: Sequence[Write], kind: Kind, asked: Asked, query: Mapping[str, str]
) -> list[tuple[str, Object]]:
    return [
        (one.what, one.object)
        for one in writes
        if one.kind == kind
        and asked.namespace in ("", one.object["metadata"].get("namespace"))
        and _fits(one.object, query)
    ]


def _as_asked(kind: Kind, found: Object, request: web.Request, store: Store) -> Object:
    if _wants_table(request):
        return table(kind, [found], {"resourceVersion": _version(found)}, store.clock.now())
    return found


async def _send(response: web.StreamResponse, what: str, found: Object) -> None:
    await response.write(json.dumps({"type": what, "object": found}).encode() + b"\n")
