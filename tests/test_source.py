"""
What the bot's own source never does, shown of all of it: no SQL, command, code or log record is
put together from something that is not ours.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLACES = ("app.py", "assembly", "bot", "adapters", "backfills", "commands")
FILES = sorted(
    path
    for place in PLACES
    for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
)
#: What takes SQL as text, by the method's or function's name; and the argument that is it.
TAKES_SQL = {"execute", "executemany", "executescript", "exec_driver_sql", "scalar", "scalars",
             "fetch", "fetchrow", "fetchval", "text", "literal_column", "TextClause"}  # fmt: skip
#: What `.text` and the like are elsewhere: not SQLAlchemy's.
NO_SQL = {"bot/slack/views", "bot/runbook/outline.py", "app.py"}
#: A text that is made, and why it is no harm: file, and what is made of what.
MADE_SQL = {
    ("bot/store/store.py", "f'pragma {pragma}'"): "from four words in the line above",
    ("adapters/postgres_calls.py", "BEGIN.format(ms=int(timeout_s * 1000))"): "a whole number",
}
PROCESSES = {"subprocess", "pty", "pexpect", "multiprocessing", "sh", "fabric", "paramiko"}
RUNS = {"system", "popen", "spawnl", "spawnv", "spawnvp", "execv", "execve", "execvp", "execl",
        "create_subprocess_shell", "create_subprocess_exec", "posix_spawn"}  # fmt: skip
CODE = {"eval", "exec", "compile", "__import__"}
UNPACKS = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle", "xml", "jinja2", "string"}
#: Formats that a loop walks through, all of them constants of their modules.
FORMATS = {
    ("bot/slack/listeners/typed_inputs.py", "words"),
}
LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


@dataclass(frozen=True)
class Found:
    file: str
    line: int
    what: str


@cache
def parsed() -> tuple[tuple[str, ast.Module], ...]:
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in FILES)


@cache
def calls() -> tuple[tuple[str, ast.Call, str, str], ...]:
    """Every call: its file, itself, whose it is (`log` of `log.info`), and its name."""
    return tuple(call for file, tree in parsed() for call in _calls_in(file, tree))


def _calls_in(file: str, tree: ast.AST) -> Iterator[tuple[str, ast.Call, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield file, node, ast.unparse(node.func.value), node.func.attr
            elif isinstance(node.func, ast.Name):
                yield file, node, "", node.func.id


def imports() -> Iterator[Found]:
    for file, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            yield from (Found(file, node.lineno, name.partition(".")[0]) for name in names)


def is_made(argument: ast.expr) -> bool:
    """Put together: an f-string, a format, a sum; and not a constant or a name of one."""
    if isinstance(argument, ast.JoinedStr):
        return not all(_is_constant(one) for one in argument.values)
    if isinstance(argument, ast.BinOp):
        return isinstance(argument.op, ast.Add | ast.Mod) and not _is_constant(argument)
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
        return argument.func.attr in ("format", "format_map", "join", "replace", "substitute")
    return False


def _is_constant(node: ast.expr) -> bool:
    """A name in capitals is one of the module's constants."""
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left) and _is_constant(node.right)
    if isinstance(node, ast.FormattedValue):
        return _is_constant(node.value)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_every_source_is_looked_at() -> None:
    assert len(FILES) > 100
    assert {"app.py", "adapters/postgres/connecting.py", "bot/store/store.py"} <= {
        str(path.relative_to(ROOT)) for path in FILES
    }


def test_no_sql_is_put_together() -> None:
    made = set()
    for file, tree in parsed():
        if not any(file.startswith(one) for one in NO_SQL):
            made |= {(file, ast.unparse(one)) for one in made_sql(tree)}
    assert made == set(MADE_SQL)


def made_sql(tree: ast.AST) -> Iterator[ast.expr]:
    """What is made, where it is given to the database or before, under the name that is given."""
    named = values_by_name(tree)
    for _, call, _, name in _calls_in("", tree):
        if name in TAKES_SQL and call.args:
            given = call.args[0]
            for value in (given, *named.get(ast.unparse(given), ())):
                if is_made(value):
                    yield value


def values_by_name(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name is given in a file: assigned, added to, or walked through."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                named.setdefault(ast.unparse(target), []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and node.value:
            named.setdefault(ast.unparse(node.target), []).append(node.value)
        elif isinstance(node, ast.AugAssign):
            added = ast.BinOp(
                ast.parse(ast.unparse(node.target), mode="eval").body, node.op, node.value
            )
            named.setdefault(ast.unparse(node.target), []).append(added)
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            over = node.iter
            iters = [over.body, over.orelse] if isinstance(over, ast.IfExp) else [over]
            walked = [one for it in iters for one in named.get(ast.unparse(it), [it])]
            parts = [part for one in walked for part in getattr(one, "elts", ())]
            named.setdefault(ast.unparse(node.target), []).extend(parts)
    return named


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("c.execute(f'select {x}')", True),
        ("c.execute('select ' + x)", True),
        ("c.execute('select %s' % x)", True),
        ("c.execute('select {}'.format(x))", True),
        ("c.execute(' '.join(parts))", True),
        ("q = f'select {x}'\nc.execute(q)", True),
        ("q = 'select 1'\nq += x\nc.execute(sa.text(q))", True),
        ("for q in ('select 1', f'drop {x}'): op.execute(q)", True),
        ("ALL = ('select 1', f'drop {x}')\nfor q in ALL: op.execute(q)", True),
        ("ALL = ('select 1', 'select 2')\nfor q in ALL: op.execute(q)", False),
        ("A = (f'drop {x}',)\nfor q in A if y else (): op.execute(q)", True),
        ("A = (f'drop {TABLE}',)\nfor q in A if y else (): op.execute(q)", False),
        ("q: str = 'a' + x\nc.execute(sa.text(q))", True),
        ("c.execute('select ' 'a' + 'b')", False),
        ("c.execute(SELECT, x)", False),
        ("c.execute(sa.select(runs).where(runs.c.id == x))", False),
    ],
)
def test_the_look_at_sql_sees_what_is_put_together(line: str, expected: bool) -> None:
    assert bool([*made_sql(ast.parse(line))]) is expected


def test_no_process_is_started_and_no_shell_is_asked() -> None:
    assert [one for one in imports() if one.what in PROCESSES] == []
    run = [Found(file, node.lineno, name) for file, node, _, name in calls() if name in RUNS]
    assert run == []
    shells = [
        Found(file, node.lineno, "shell=")
        for file, node, _, _ in calls()
        for keyword in node.keywords
        if keyword.arg == "shell"
    ]
    assert shells == []


def test_nothing_that_was_read_becomes_code_or_objects() -> None:
    assert [one for one in imports() if one.what in UNPACKS] == []
    run = [Found(file, node.lineno, name) for file, node, of, name in calls()
           if name in CODE and of in ("", "builtins")]  # fmt: skip
    assert run == []


def test_only_our_own_texts_are_formats() -> None:
    """`{x.__class__}` of somebody else would be looked up."""
    strange = {
        (file, of)
        for file, _, of, name in calls()
        if name in ("format", "format_map") and of != "super()" and not _names_a_constant(of)
    }
    assert strange == FORMATS


def _names_a_constant(of: str) -> bool:
    node = ast.parse(of, mode="eval").body
    return isinstance(node, ast.Constant) or of.rsplit(".", 1)[-1].isupper()


def test_what_is_logged_is_an_argument_and_never_the_format() -> None:
    strange = [
        Found(file, node.lineno, ast.unparse(_format(name, node)))
        for file, node, of, name in calls()
        if name in LOGS and of in ("log", "logger", "logging")
        if not _is_constant(_format(name, node))
    ]
    assert strange == []


def _format(name: str, call: ast.Call) -> ast.expr:
    """`log` itself is told the level first."""
    return call.args[1 if name == "log" else 0]


def test_a_pattern_to_filter_logs_by_is_a_constant() -> None:
    given = [
        (file, ast.unparse(keyword.value))
        for file, node, _, _ in calls()
        for keyword in node.keywords
        if keyword.arg in ("filterPattern", "queryString", "JMESPath")
    ]
    assert given == [("adapters/logs.py", "ERRORS")]
