"""
What the image of a service has in it that a one-off task can run: the company's migrations, in
one image with alembic and in another with Django.

An older version has fewer of them. Those in `faulty` are in the newest image for as long as a
fault says so.
"""

import re
import shutil
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
WITH_DJANGO = Path(__file__).parent / "django_image"
MIGRATES, MIGRATES_WITH_DJANGO = "complyai-core", "complyai-maestro"
SINCE = {"a003": (2, 13, 4), "a004": (2, 14, 2), "a005": (2, 14, 2)}
NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def unpack(service: str, version: str, faulty: frozenset[str], into: Path) -> None:
    """`faulty`: revisions that are in it besides. Other services have nothing to migrate."""
    if service == MIGRATES:
        _unpack_alembic(version, faulty, into)
    if service == MIGRATES_WITH_DJANGO:
        _unpack_django(faulty, into)


def _unpack_alembic(version: str, faulty: frozenset[str], into: Path) -> None:
    for name in ("alembic.ini", "env.py"):
        shutil.copy(MIGRATIONS / name, into / name)
    versions = into / "versions"
    versions.mkdir()
    numbers = NUMBERS.match(version)
    of = tuple(map(int, numbers.groups())) if numbers else (0, 0, 0)
    for script in MIGRATIONS.glob("*/*_*.py"):
        revision = script.name.partition("_")[0]
        if revision in faulty or SINCE.get(revision, (999,)) <= of:
            shutil.copy(script, versions / script.name)


def _unpack_django(faulty: frozenset[str], into: Path) -> None:
    """Packages are made here, so that nothing takes the image for a part of the sandbox."""
    shutil.copytree(WITH_DJANGO, into, dirs_exist_ok=True)
    for script in (into / "ads" / "faulty").glob("*.py"):
        if script.name.partition("_")[0] in faulty:
            shutil.move(script, into / "ads" / "migrations" / script.name)
    for folder in into.rglob("*/"):
        (folder / "__init__.py").touch()
