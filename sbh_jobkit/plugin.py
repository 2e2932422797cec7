"""A plugin: its manifest, its jobs and where they stand, from wherever an author keeps it."""

from __future__ import annotations

import re
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from types import ModuleType
from typing import Any, Self

from sbh_jobkit import archive
from sbh_jobkit import manifest as _manifest
from sbh_jobkit.clock import bind_sleep
from sbh_jobkit.errors import PluginError, did_you_mean
from sbh_jobkit.job import Jobs, defined_at, find_jobs, marked
from sbh_jobkit.manifest import Manifest
from sbh_jobkit.modules import ModuleSpace
from sbh_jobkit.sdk import declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A function that answers requests below `/ext/<slug>`."""

    path: str
    methods: tuple[str, ...]
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A function that the host calls: on an `event`, as an `llm_filter`, or as a `generator`."""

    kind: str
    name: str
    function: Callable[..., Any]


class Plugin:
    """What `Plugin.load` found."""

    def __init__(
        self,
        *,
        found: Manifest,
        names: Mapping[str, Any],
        root: Path | None,
        hidden: Sequence[Any] = (),
        elsewhere: Sequence[Any] = (),
    ) -> None:
        """Collect what is decorated; raises PluginError for jobs that clash."""
        self.manifest = found
        self.root = root
        self.source = str(root) if root else found.slug
        """What an author would type to load it again."""
        self.jobs = Jobs()
        self.jobs.update({job.name: job for job in find_jobs(found, names, root, hidden, self.jobs)})
        self._elsewhere = tuple(elsewhere)
        self.routes = tuple(_routes(names))
        self.hooks = tuple(_hooks(names))

    def __repr__(self) -> str:
        """Name it and count its jobs."""
        return f"<Plugin {self.slug} {self.manifest.version}: {len(self.jobs)} jobs>"

    @property
    def slug(self) -> str:
        """The name by which the host knows it."""
        return self.manifest.slug

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not wrong, but surely not meant: jobs of the manifest without a function, and the reverse."""
        listed = {job.name for job in self.manifest.jobs or ()}
        lost = [
            f"job {name!r} of the manifest has no function in {self.manifest.entry}, so it never runs"
            f"{did_you_mean(name, self.jobs)}"
            for name in sorted(listed - set(self.jobs))
        ]
        if self.manifest.jobs is not None:
            lost += [
                f"job {job.name!r} ({job.place}) is not among the manifest's jobs"
                for job in self.jobs.values()
                if job.expression and job.name not in listed
            ]
        for function in marked(self._elsewhere, "_plugin_job_type", "job"):
            here, name = defined_at(function, self.root), function._plugin_job_name  # noqa: SLF001  the platform's mark
            bring = f"from {Path(str(here)).stem} import {function.__name__}"
            lost.append(
                f"job {name!r} ({here}) is not in {self.manifest.entry}, so it never runs; write there: {bring}"
            )
        return tuple(lost)

    @classmethod
    def load(
        cls,
        source: str | Path | ModuleType | Mapping[str, Any],
        *,
        manifest: Mapping[str, Any] | Manifest | None = None,
    ) -> Self:
        """Load a plugin from a directory, its `plugin.json` or `main.py`, a zip, a module, or a mapping of names.

        Raises ManifestError for a manifest with faults, PluginError for anything else that is wrong with it.
        """
        given = _manifest.parse(manifest, "manifest") if isinstance(manifest, Mapping) else manifest
        if isinstance(source, ModuleType):
            return cls._from_module(source, given)
        if isinstance(source, Mapping):
            if isinstance(source, MutableMapping):
                bind_sleep(source)
            return cls(found=given or Manifest(slug="notebook", name="Notebook"), names=source, root=None)
        if not isinstance(source, (str, Path)):
            msg = f"a plugin is loaded from a path, a module or a mapping of names, not from {source!r}"
            raise PluginError(msg)
        path = Path(source)
        if not path.exists():
            msg = f"no such path: {str(source)!r}; give a plugin's directory, its plugin.json, main.py or zip"
            raise PluginError(msg)
        if path.suffix == ".zip":
            return cls._from_zip(path, given)
        plugin = cls._from_files(path, given)
        plugin.source = str(source)
        return plugin

    @classmethod
    def _from_module(cls, module: ModuleType, given: Manifest | None) -> Self:
        bind_sleep(vars(module))
        root = Path(module.__file__).resolve().parent if module.__file__ else None
        beside = root / _manifest.FILE if root else None
        if given is None and beside and beside.is_file():
            given = _manifest.read(beside.read_bytes(), str(beside))
        slug = re.sub(r"[^A-Za-z0-9_-]", "-", module.__name__)
        return cls(found=given or Manifest(slug=slug, name=module.__name__), names=vars(module), root=root)

    @classmethod
    def _from_zip(cls, path: Path, given: Manifest | None) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="sbh-plugin-"))
        try:
            archive.unpack(path, folder)
            plugin = cls._from_files(folder, given)
        except BaseException:
            rmtree(folder)
            raise
        weakref.finalize(plugin, rmtree, folder)
        plugin.source = str(path)
        return plugin

    @classmethod
    def _from_files(cls, path: Path, given: Manifest | None) -> Self:
        if path.is_dir():
            beside = path / _manifest.FILE
            if given is None and not beside.is_file():
                msg = f"{path} has no {_manifest.FILE}; a plugin is a directory with {_manifest.FILE} and main.py"
                raise PluginError(msg)
            return cls._from_folder(path, given or _manifest.read(beside.read_bytes(), str(beside)))
        if path.name == _manifest.FILE:
            return cls._from_folder(path.parent, given or _manifest.read(path.read_bytes(), str(path)))
        if path.suffix != ".py":
            msg = f"{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"
            raise PluginError(msg)
        beside = path.parent / _manifest.FILE
        if given is None and beside.is_file():
            found = _manifest.read(beside.read_bytes(), str(beside))
            if found.entry == path.name:
                return cls._from_folder(path.parent, found)
        slug = re.sub(r"[^A-Za-z0-9_-]", "-", path.resolve().parent.name) or "plugin"
        return cls._from_folder(path.parent, given or Manifest(slug=slug, name=slug, entry=path.name))

    @classmethod
    def _from_folder(cls, folder: Path, found: Manifest) -> Self:
        root = folder.resolve()
        entry = root / found.entry
        if not entry.is_file():
            msg = f"{folder / _manifest.FILE}: $.entry: there is no file {found.entry!r} in {folder}"
            raise PluginError(msg)
        space = ModuleSpace(root)
        with declarations() as declared:
            module = space.load(entry)
        hidden = [function for function in declared if function.__module__ == module.__name__]
        elsewhere = [function for function in declared if function not in vars(module).values()]
        plugin = cls(found=found, names=vars(module), root=root, hidden=hidden, elsewhere=elsewhere)
        weakref.finalize(plugin, space.close)
        return plugin


def _routes(names: Mapping[str, Any]) -> Iterator[Route]:
    for function in marked(names.values(), "_plugin_route_type", "route"):
        marks = vars(function)
        path, methods = marks["_plugin_route_path"], marks["_plugin_route_methods"]
        yield Route(path=path, methods=tuple(methods), function=function)


def _hooks(names: Mapping[str, Any]) -> Iterator[Hook]:
    for kind, mark in (
        ("event", "_plugin_event_type"),
        ("llm_filter", "_plugin_filter_type"),
        ("generator", "_plugin_generator_hook_type"),
    ):
        for function in marked(names.values(), "_plugin_hook_type", kind):
            yield Hook(kind=kind, name=vars(function)[mark], function=function)
