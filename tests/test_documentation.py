"""
The documentation says what is there, all of it, and nothing else.

What can be compared with the code is compared; what is shown as an example is run.
"""

import ast
import asyncio
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from pydantic import BaseModel

import adapters.evidence
import adapters.secrets
import app
from adapters.vault import PERMISSIONS
from assembly.outside import thresholds
from assembly.policy import policy_in
from bot.access.hours import Hours
from bot.access.policy import ROLES
from bot.access.policy_file import TABLES, names_of, notes
from bot.engine.entries import ENDED
from bot.engine.record import GLASS_BROKEN
from bot.engine.state import EventKind
from bot.runbook import Adapter
from bot.settings import Settings
from bot.slack.listeners.typed import WORDS
from bot.store import outbox_tables, tables
from bot.store.chain import Entry
from bot.store.exporting import line
from commands import RUNBOOKS
from sandbox.faults import SCENES
from tests.store.chains import chain

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for p in ROOT.glob("docs/**/*.md") if p.name != "coverage.md")]
)
INSTALL, OPERATING = ROOT / "docs/install.md", ROOT / "docs/operating.md"
SECURITY = ROOT / "docs/security.md"
ARCHITECTURE, WRITING = ROOT / "docs/architecture.md", ROOT / "docs/writing-runbooks.md"
POLICY = ROOT / "docs/policy.md"
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
#: A file or folder of ours that is named in the text, link or not.
OURS = re.compile(
    r"(?<![\w/.-])(?:assembly|bot|adapters|commands|sandbox|tests|benchmarks|docs)/[\w./-]*\w/?"
)
#: Folders that are made later, and names that stand for any.
ANY = re.compile(r"docs/prose/RB|bench_")
AWS_ACTION = re.compile(r"[a-z0-9-]+:[A-Z]\w+")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def rows(page: Path, pattern: str) -> list[tuple[str, ...]]:
    """The cells of every row of a table that begins with the pattern."""
    found = re.findall(rf"^\| {pattern}.*\|$", page.read_text(), re.MULTILINE)
    return [tuple(cell.strip() for cell in row[1:-1].split("|")) for row in found]


# Examples.


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "example_of_the_docs.py"
    path.write_text("\n\n".join(blocks(WRITING, "python")))
    yield path
    sys.modules.pop(path.stem, None)


def load(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_example_of_a_runbook_runs_and_so_do_its_tests(example: Path) -> None:
    shown = {name: f for name, f in vars(load(example)).items() if name.startswith("test_")}
    assert len(shown) >= 4
    for test in shown.values():
        answer = test()
        if inspect.iscoroutine(answer):
            asyncio.run(answer)


@pytest.mark.slow
def test_the_example_of_a_runbook_is_well_typed(example: Path) -> None:
    mypy = [sys.executable, "-m", "mypy", "--strict", str(example)]
    said = subprocess.run(mypy, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert said.returncode == 0, said.stdout


def test_the_example_of_settings_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runbook-bot.toml"
    _, example_of_settings = blocks(INSTALL, "toml")
    path.write_text(example_of_settings)
    monkeypatch.setenv("RUNBOOK_BOT_SETTINGS", str(path))
    settings = Settings()
    assert thresholds(settings)


def test_the_audit_log_is_verified_by_what_the_documentation_shows(tmp_path: Path) -> None:
    (shown,) = blocks(SECURITY, "python")
    (tmp_path / "verify.py").write_text(shown)
    entries = chain(9)

    def verified(entries: list[Entry]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "audit.jsonl").write_text("".join(line(one) + "\n" for one in entries))
        command = [sys.executable, "verify.py", "audit.jsonl"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert verified(entries).stdout.strip() == entries[-1].hash
    said = verified([*entries[:4], entries[4]._replace(by="U666"), *entries[5:]])
    assert "entry 5 is not as it was written" in said.stderr


@pytest.mark.parametrize("page", [POLICY, INSTALL], ids=lambda page: page.name)
def test_the_example_of_a_policy_is_accepted_and_leaves_nobody_out(
    page: Path, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(blocks(page, "toml")[0])
    assert list(notes(policy_in(path))) == []


def test_every_field_of_the_policy_stands_in_its_example_and_in_its_table() -> None:
    text = POLICY.read_text()
    (example,) = blocks(POLICY, "toml")
    models: list[type[BaseModel]] = [Hours, *TABLES.values()]
    for model in models:
        for name in names_of(model):
            assert re.search(rf"\b{name} = ", example), f"{model.__name__}.{name}"
            assert f"`{name}`" in text, f"{model.__name__}.{name}"
    assert all(f"[{name}" in example for name in TABLES)


# Settings, roles and rights.


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting, and its default as the documentation writes it."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from fields(type(default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", written(default)


def written(default: object) -> str:
    if isinstance(default, tuple) and default:
        return "..."  # In words.
    return f"`{default}`" if default else ""


def test_every_setting_is_described_with_its_default() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in rows(INSTALL, r"`[a-z0-9_.]+` \|.*\|")}
    for name, default in fields(Settings):
        assert name in told, f"docs/install.md does not describe {name}"
        assert told[name] == default or (default == "..." and told[name]), name
    settings = {name for name, _ in fields(Settings)}
    assert {name for name in told if "." in name} <= settings


def test_every_role_is_described() -> None:
    text = INSTALL.read_text()
    assert [role for role in ROLES if f"`{role}`" not in text] == []


def test_the_aws_policy_allows_what_the_adapters_call_and_no_more() -> None:
    policies = [json.loads(block)["Statement"] for block in blocks(INSTALL, "json")]
    actions = [[one["Action"] for one in policy] for policy in policies]
    (look, change), (evidence,), (read_secrets, keep) = actions
    reads, writes = aws_calls()
    assert set(look) == reads - writes - set(adapters.secrets.READS)
    assert set(change) == writes
    assert tuple(evidence) == adapters.evidence.KEEPS
    assert (tuple(read_secrets), tuple(keep)) == (adapters.secrets.READS, adapters.secrets.KEEPS)


def test_the_policy_of_the_anchors_bucket_allows_what_is_used_and_no_more() -> None:
    (policy,) = (json.loads(block) for block in blocks(SECURITY, "json"))
    (allowed,) = (statement["Action"] for statement in policy["Statement"])
    assert allowed == list(PERMISSIONS)


def test_every_word_of_the_audit_log_is_explained() -> None:
    told = "".join("".join(cells) for cells in rows(SECURITY, r"`[a-z ]+`"))
    elsewhere = {"due", "decided", "applied"}
    words = {*get_args(EventKind), *ENDED.values(), "approval asked", "plan viewed"} - elsewhere
    words |= {GLASS_BROKEN, "review due", "glass reviewed"}
    assert [word for word in sorted(words) if f"`{word}`" not in told] == []


def aws_calls() -> tuple[set[str], set[str]]:
    reads: set[str] = set()
    writes: set[str] = set()
    for found in pkgutil.walk_packages(adapters.__path__, "adapters."):
        module = importlib.import_module(found.name)
        reads |= {one for one in getattr(module, "READS", ()) if AWS_ACTION.fullmatch(one)}
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Adapter):
                named = {one for pair in kind.alters for one in pair.permissions}
                writes |= {one for one in named if AWS_ACTION.fullmatch(one)}
    return reads, writes


# What can be typed.


def test_every_command_and_option_of_the_command_line_is_described(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = README.read_text() + OPERATING.read_text() + SECURITY.read_text() + POLICY.read_text()
    commands = named_in(said([], capsys))
    assert "serve" in commands
    for command in commands:
        assert f"python app.py {command}" in text, command
        told = said([command], capsys)
        for inner in named_in(told):
            assert f"{command} {inner}" in text, f"{command} {inner}"
            told += said([command, inner], capsys)
        for option in re.findall(r"--\w+", told):
            assert option == "--help" or option in text, f"{command} {option}"
    named = "".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"python app\.py (\w+)", named)) <= set(commands)


def named_in(told: str) -> list[str]:
    """The commands that a help text lists."""
    return re.findall(r"^    (\w+)  ", told, re.MULTILINE)


def said(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        app.main([*command, "--help"])
    return capsys.readouterr().out


def test_every_word_after_the_slash_command_is_described() -> None:
    text = OPERATING.read_text()
    assert [word for word in sorted(WORDS) if f"/runbook {word}" not in text] == []


def test_every_target_of_the_makefile_is_described_and_no_other() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = CONTRIBUTING.read_text()
    assert [target for target in phony.split() if f"`make {target}`" not in text] == []
    named = "".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"(?:`|    )make ([a-z-]+)", named)) <= set(phony.split())


def test_every_fault_of_the_sandbox_is_described_and_no_other() -> None:
    text = README.read_text()
    assert [scene.name for scene in SCENES if f"`{scene.name}`" not in text] == []
    switched = re.findall(r"--fault ([a-z-]+)", "".join(page.read_text() for page in PAGES))
    assert set(switched) <= {scene.name for scene in SCENES}


def test_every_runbook_that_can_be_run_is_in_the_readme() -> None:
    assert [one for one in RUNBOOKS if f"| {one} " not in README.read_text()] == []


# What is where.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_exists(page: Path) -> None:
    text = page.read_text()
    linked = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]
    assert [link for link in linked if link and not (page.parent / link).exists()] == []
    named = [name for name in OURS.findall(text.replace("\\_", "_")) if not ANY.match(name)]
    near = ROOT / "commands" if page == WRITING else ROOT
    assert [n for n in named if not (ROOT / n).exists() and not (near / n).exists()] == []


def test_every_decision_is_in_their_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    decisions = {path.name for path in ROOT.glob("docs/decisions/[0-9]*.md")}
    assert decisions == set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index))


def test_every_table_of_the_store_is_described() -> None:
    assert outbox_tables.outbox.metadata is tables.metadata
    described = {cells[0].strip("`") for cells in rows(ARCHITECTURE, r"`[a-z_]+` \|")}
    assert described == set(tables.metadata.tables)


def test_the_image_has_every_package_that_the_bot_imports() -> None:
    copied = set(re.findall(r"^COPY (\w+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    needed = set(imported(ROOT / "app.py")) - {"sandbox"}
    for package in copied:
        for path in (ROOT / package).rglob("*.py"):
            needed |= set(imported(path))
    assert needed == copied
    assert all(f"\n!{name}\n" in (ROOT / ".dockerignore").read_text() for name in copied)


def imported(path: Path) -> Iterator[str]:
    """The packages of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        for name in names:
            package = name.partition(".")[0]
            if (ROOT / package / "__init__.py").exists():
                yield package
