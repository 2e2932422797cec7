"""A plugin as it was at a commit of git, in a temporary folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def plugin_at(reference: str, path: str) -> Iterator[str]:
    """Yield the path of another version of a plugin: of a path, or of a commit, branch or tag of its repository.

    Raises JobkitError if it is neither, or if the plugin was not there.
    """
    if not reference.strip():
        msg = f"--against takes a path, or a commit, branch or tag of git, got {reference!r}"
        raise JobkitError(msg)
    if Path(reference).exists():
        yield reference
        return
    here = Path(path).resolve()
    folder = here if here.is_dir() else here.parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        msg = f"there is no path {reference!r}, and {path!r} is not in a git repository"
        raise JobkitError(msg)
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        msg = f"{reference!r} is neither a path nor a commit, branch or tag of the repository of {path!r}"
        raise JobkitError(msg)
    root = Path(top.decode().strip())
    packed = _git(root, "archive", commit.decode().strip(), "--", folder.relative_to(root).as_posix() or ".")
    if packed is None:
        msg = f"at {reference!r} there was no plugin {path!r}"
        raise JobkitError(msg)
    with tempfile.TemporaryDirectory(prefix="sbh-jobkit-") as temporary:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(temporary, filter="data")
        yield str(Path(temporary) / here.relative_to(root))


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return what git prints, or None if it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
