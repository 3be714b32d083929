"""
What is run within an image that has Django, as `python -c`: tells which migrations an app has
beyond a revision, and their SQL both ways. It imports what the image has, and nothing of ours.

Nothing here opens a connection: migrations are read, and SQL is written by an editor of schemas
that collects it. What Django cannot write without asking the database it says so.
"""

import base64
import json
import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import django
from django.db import connection
from django.db.migrations.loader import MigrationLoader

MOST, LONGEST, PIECE = 100, 20000, 3000
SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)")


def named(node: tuple[str, str]) -> str:
    return ".".join(node)


def sql(loader: Any, node: tuple[str, str], is_up: bool) -> str:
    """As sqlmigrate has it, outside of a transaction, which would need a connection."""
    editor = connection.schema_editor(collect_sql=True, atomic=False)

    def written(text: str, values: Any) -> str:
        return text % tuple(str(editor.quote_value(one)).replace("%%", "%") for one in values)

    connection.ops.compose_sql = written
    migration = loader.graph.nodes[node]
    with editor:
        do = migration.apply if is_up else migration.unapply
        do(loader.project_state(node, at_end=False), editor, collect_sql=True)
    return "\n".join(editor.collected_sql)[:LONGEST]


def foreign(others: Any, node: tuple[str, str]) -> list[str]:
    return [named(key) for key in sorted(one.key for one in others) if key[0] != node[0]]


def one(loader: Any, node: tuple[str, str]) -> dict[str, Any]:
    migration, graph = loader.graph.nodes[node], loader.graph
    downs = sorted(key[1] for key in (p.key for p in graph.node_map[node].parents)
                   if key[0] == node[0])  # fmt: skip
    says: dict[str, Any] = {
        "revision": named(node),
        "down": ",".join(f"{node[0]}.{down}" for down in downs or ["zero"]),
        "title": (sys.modules[type(migration).__module__].__doc__ or "").strip(),
        "needs": [named(key) for key in graph.forwards_plan(node) if key[0] != node[0]],
    }
    python = [op for op in migration.operations if not op.reduces_to_sql]
    if python:
        says["no_up_sql"] = f"{type(python[0]).__name__} is Python, and has no SQL"
    for name, is_up in (("up_sql", True), ("down_sql", False)):
        try:
            says[name] = sql(loader, node, is_up)
        except Exception as error:
            says[name] = ""
            says[f"no_{name}"] = f"{type(error).__name__} {error}"[:300]
    if users := foreign(graph.node_map[node].children, node):
        says["no_down_sql"] = f"{', '.join(users)} depends on it, and would go as well"
    return says


def read(stands: str) -> dict[str, Any]:
    app, _, name = stands.partition(".")
    loader = MigrationLoader(None)
    graph, leaves = loader.graph, loader.graph.leaf_nodes(app)
    at = (app, name)
    mine = {key for key in graph.nodes if key[0] == app}
    if any(loader.disk_migrations[key].replaces for key in loader.disk_migrations if key in mine):
        return {"error": f"{app} has squashed migrations, which the bot does not migrate"}
    if not leaves or (name != "zero" and at not in mine):
        return {"error": f"{stands} is not among the migrations of {app}"}
    behind = {key for key in graph.forwards_plan(at) if key[0] == app} if name != "zero" else set()
    plan = dict.fromkeys(key for leaf in leaves for key in graph.forwards_plan(leaf))
    ahead = [key for key in plan if key[0] == app and key not in behind]
    return {
        "scripts": [one(loader, key) for key in ahead[:MOST]],
        "left_out": len(ahead[MOST:]),
        "behind": sorted(map(named, behind)),
    }


def tell(stands: str) -> None:
    found = SETTINGS.search(Path("manage.py").read_text())
    if found:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", found[1])
    django.setup()
    told = base64.b64encode(zlib.compress(json.dumps(read(stands)).encode())).decode()
    pieces = [told[at : at + PIECE] for at in range(0, len(told), PIECE)]
    for number, piece in enumerate(pieces, 1):
        print("rb1", number, len(pieces), piece, flush=True)


if __name__ == "__main__":
    tell(sys.argv[1])
