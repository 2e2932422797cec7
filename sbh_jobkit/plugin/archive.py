"""Unpack a plugin's zip; all of it is checked before anything is written."""

from __future__ import annotations

import stat
import zipfile
from lzma import LZMAError
from pathlib import PurePosixPath
from struct import error as StructError  # noqa: N812  an exception, which struct spells in lower case
from typing import TYPE_CHECKING, NoReturn
from zlib import error as ZlibError  # noqa: N812  an exception, which zlib spells in lower case

from sbh_jobkit.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_MB = 50
_MOST_MEMBERS = 5_000
_ENCRYPTED = 1
_DAMAGED = (
    *(zipfile.BadZipFile, StructError, ZlibError, LZMAError),
    *(NotImplementedError, RuntimeError, EOFError, LookupError, ValueError),
)
"""What zipfile raises for a damaged file."""


def unpack(path: Path, folder: Path) -> None:
    """Unpack a plugin's zip; raises PluginError for a file that is not a zip, or a zip that a plugin may not have."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for problem in map(_problem, members):
                if problem:
                    msg = f"{path}: {problem}; nothing was unpacked"
                    raise PluginError(msg)
            check_members(path, members)
            archive.extractall(folder)  # every member was checked above
    except OSError as error:
        msg = f"{path} cannot be unpacked: {error.strerror or error}"
        raise PluginError(msg) from error
    except _DAMAGED as error:
        msg = f"{path} cannot be read as a zip: {error}"
        raise PluginError(msg) from error


def _problem(member: zipfile.ZipInfo) -> str | None:
    name = member.filename
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
        return f"member {name!r} would be written outside the plugin"
    if "\\" in name:
        return f"member {name!r} has a backslash; use '/'"
    if member.flag_bits & _ENCRYPTED:
        return f"member {name!r} is encrypted"
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return f"member {name!r} is a link or a device"
    return None


def check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Raise PluginError for files that are too large or too many, or whose names are ambiguous."""
    size = sum(member.file_size for member in members)
    if size > LARGEST_MB * 1_000_000 or len(members) > _MOST_MEMBERS:
        msg = (
            f"{path} unpacks to {size / 1_000_000:.0f} MB in {len(members)} files; "
            f"a plugin may have at most {LARGEST_MB} MB in {_MOST_MEMBERS} files"
        )
        raise PluginError(msg)
    _check_names(path, [member.filename for member in members])
    if "plugin.json" not in {member.filename for member in members}:
        nested = next((member.filename for member in members if member.filename.endswith("/plugin.json")), None)
        hint = f"; it has {nested!r}: zip the content of the folder, not the folder itself" if nested else ""
        msg = f"{path} has no plugin.json at its root{hint}"
        raise PluginError(msg)


def _check_names(path: Path, names: list[str]) -> None:
    """Refuse what is ambiguous: two manifests, two names for one file, a file where a folder is needed."""
    manifests = [name for name in names if name == "plugin.json" or name.endswith("/plugin.json")]
    if "plugin.json" in manifests and len(manifests) > 1:
        msg = f"{path} has more than one plugin.json: {', '.join(manifests)}; a zip holds one plugin"
        raise PluginError(msg)
    met: dict[PurePosixPath, str] = {}
    for name in names:
        other = met.setdefault(PurePosixPath(name.casefold()), name)
        if other is not name:
            _refuse_pair(path, name, other)
    for name in names:
        for folder in PurePosixPath(name.casefold()).parents:
            if not (file := met.get(folder, "/")).endswith("/"):
                msg = f"{path} has {name!r}, and a file {file!r} where that needs a folder; nothing was unpacked"
                raise PluginError(msg)


def _refuse_pair(path: Path, name: str, other: str) -> NoReturn:
    """Raise PluginError for two members that would be unpacked to one place."""
    if other == name:
        same = "twice"
    elif other.endswith("/") is not name.endswith("/"):
        same = f"and {other!r}, of which one is a file and one is a folder"
    else:
        case = "" if PurePosixPath(name) == PurePosixPath(other) else " where case does not count"
        same = f"and {other!r}, which are one file{case}"
    msg = f"{path} has {name!r} {same}; nothing was unpacked"
    raise PluginError(msg)
