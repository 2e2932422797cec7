"""What a plugin has, as values: loaded in a process of its own, so that no code of a plugin is in the scheduler's.

What a plugin prints while it is loaded goes to standard error, so it does not mix with the answer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from sbh_jobkit.errors import PluginError, about
from sbh_jobkit.plugin.loader import real_imports
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.version import __version__

LOADING_SECONDS = 60.0
_NOT_ONE_ANSWER = (
    "its process did not give one answer while it was loaded; a module must not call os.fork(), or write to what it has"
    " not opened, when it is imported"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """A job of a plugin."""

    name: str
    expression: str | None
    timezone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDescription:
    """A route of a plugin."""

    path: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDescription:
    """A hook of a plugin."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDescription:
    """A plugin and its jobs."""

    path: str
    """Where it is, as the person who serves it says."""
    slug: str
    name: str
    version: str
    timezone: str | None
    jobs: tuple[JobDescription, ...]
    warnings: tuple[str, ...]
    description: str = ""
    permissions: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    routes: tuple[RouteDescription, ...] = ()
    hooks: tuple[HookDescription, ...] = ()
    copy: str = ""
    """The copy from which runs load it, if there is one."""
    fingerprint: str = ""
    """A name of the copy's content."""

    @property
    def label(self) -> str:
        """Which version runs, also where two have the same number: `1.2.0 (3f2a9c01)`."""
        return f"{self.version} ({self.fingerprint})" if self.fingerprint else self.version


def _route(path: str, methods: list[str]) -> RouteDescription:
    return RouteDescription(path=path, methods=tuple(methods))


_OF_PLACE = ("path", "copy", "fingerprint")
_PARTS: dict[str, Any] = {"jobs": JobDescription, "routes": _route, "hooks": HookDescription}


def describe(path: str) -> PluginDescription:
    """Load a plugin in another process, and return what it has; raises PluginError for one that cannot be loaded."""
    command = [sys.executable, "-P", "-m", "sbh_jobkit.engines.describe", path]
    try:
        done = subprocess.run(  # noqa: S603  this interpreter and this module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LOADING_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{path}: loading the plugin takes longer than {LOADING_SECONDS:g} s"
        raise PluginError(msg) from error
    given = _read(done.stdout) if done.stdout else {"error": _explain_end(done.returncode)}
    if "error" in given:
        msg = about(path, given["error"])
        raise PluginError(msg)
    return _description(path, given)


def _read(answer: bytes) -> dict[str, Any]:
    """Return what the process has answered; a copy of it that a module has made answers, too."""
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": _NOT_ONE_ANSWER}


def to_text(description: PluginDescription) -> str:
    """Return a description as a store keeps it, for this version of the kit."""
    found = asdict(description)
    return json.dumps({"kit": __version__, **{name: found[name] for name in found if name not in _OF_PLACE}})


def from_text(path: str, text: str | None) -> PluginDescription | None:
    """Return the description that `to_text` wrote, of a plugin that is at `path`; None for one of another version."""
    given: dict[str, Any] = json.loads(text or "{}")
    return _description(path, given) if given.pop("kit", None) == __version__ else None


def _description(path: str, given: dict[str, Any]) -> PluginDescription:
    given |= {name: tuple(given[name]) for name in ("warnings", "permissions", "secrets")}
    given |= {name: tuple(make(**each) for each in given[name]) for name, make in _PARTS.items()}
    return PluginDescription(path=path, **given)


def _explain_end(code: int) -> str:
    how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
    return f"its process {how} while it was loaded"


def _answer(path: str) -> dict[str, Any]:
    try:
        with real_imports():  # this process serves: its clock is nobody's to change
            plugin = Plugin.load(path)
    except BaseException as error:  # noqa: BLE001  a plugin's module may raise anything when it is loaded
        return {"error": f"{error}" if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"}
    manifest = plugin.manifest
    return {
        **{name: getattr(manifest, name) for name in ("slug", "name", "version", "timezone")},
        "jobs": [{name: getattr(job, name) for name in JobDescription.__slots__} for job in plugin.jobs.values()],
        "warnings": plugin.warnings,
        "description": manifest.description,
        "permissions": sorted(manifest.permissions),
        "secrets": [name for name in manifest.secrets if isinstance(name, str)],
        "routes": [{"path": each.path, "methods": [verb.upper() for verb in each.methods]} for each in plugin.routes],
        "hooks": [{"kind": hook.kind, "name": hook.name} for hook in plugin.hooks],
    }


def main(path: str) -> None:
    """Write the answer to standard output, which nothing else can reach."""
    answer = os.dup(1)
    os.dup2(2, 1)
    found = json.dumps(_answer(path))
    with suppress(OSError), os.fdopen(answer, "w") as file:  # the plugin may have closed it
        file.write(found)
    os._exit(0)  # threads that the plugin has started may never end


if __name__ == "__main__":
    main(sys.argv[1])
