"""A plugin's zip: checked as a whole before anything is written, then unpacked."""

from __future__ import annotations

import stat
import zipfile
from lzma import LZMAError
from pathlib import PurePosixPath
from struct import error as StructError  # noqa: N812  an exception, whatever struct calls it
from typing import TYPE_CHECKING
from zlib import error as ZlibError  # noqa: N812  an exception, whatever zlib calls it

from sbh_jobkit.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_MB = 50
_MOST_MEMBERS = 5_000
_ENCRYPTED = 1
_DAMAGE = (
    *(zipfile.BadZipFile, StructError, ZlibError, LZMAError),
    *(NotImplementedError, RuntimeError, EOFError, LookupError, ValueError),
)
"""What zipfile raises for bytes that are not as they should be."""


def unpack(path: Path, folder: Path) -> None:
    """Unpack a plugin's zip; raises PluginError for what is no zip, or has members that do not belong in a plugin."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for fault in map(_fault, members):
                if fault:
                    msg = f"{path}: {fault}; nothing was unpacked"
                    raise PluginError(msg)
            _check_size(path, members)
            archive.extractall(folder)  # every member was checked above
    except OSError as error:
        msg = f"{path} cannot be unpacked: {error.strerror or error}"
        raise PluginError(msg) from error
    except _DAMAGE as error:
        msg = f"{path} is not a zip that can be read: {error}"
        raise PluginError(msg) from error


def _fault(member: zipfile.ZipInfo) -> str | None:
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


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size = sum(member.file_size for member in members)
    if size > LARGEST_MB * 1_000_000 or len(members) > _MOST_MEMBERS:
        msg = (
            f"{path}: unpacks to {size / 1_000_000:.0f} MB in {len(members)} members; "
            f"a plugin has at most {LARGEST_MB} MB in {_MOST_MEMBERS}"
        )
        raise PluginError(msg)
    if "plugin.json" not in {member.filename for member in members}:
        nested = next((member.filename for member in members if member.filename.endswith("/plugin.json")), None)
        hint = f"; it has {nested!r}: zip the folder's content, not the folder" if nested else ""
        msg = f"{path} has no plugin.json at its root{hint}"
        raise PluginError(msg)
