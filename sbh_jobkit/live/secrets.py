"""Secrets from the environment, from dotenv files and from the keyring of the operating system.

The sources are asked in the order in which `tenant.toml` names them; the first that has a secret answers. A secret
that a job sets goes to the first source that can be written, and one that it deletes is removed from all of them. The
environment is read only: a secret that stands there can be neither replaced nor deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sbh_jobkit.live.settings import Settings

STORE = "store"
"""The source that a scheduler has: secrets that were set by its REST API, encrypted."""
_INDEX = "names of the secrets"
"""The entry of a keyring that lists the others, because keyrings cannot list what they have."""


class Source(Protocol):
    """Where secrets are kept."""

    writable: bool

    def names(self) -> Iterable[str]:
        """Return the names of its secrets."""

    def get(self, name: str) -> str | None:
        """Return a secret, or None."""

    def put(self, name: str, value: str) -> None:
        """Store a secret."""

    def remove(self, name: str) -> None:
        """Remove a secret that is there."""


class LiveSecrets(MutableMapping[str, str]):
    """The secrets of all sources, as a dict."""

    __slots__ = ("_seen", "_sources")

    def __init__(self, sources: Iterable[Source]) -> None:
        """Ask the sources in this order."""
        self._sources = tuple(sources)
        self._seen: dict[str, str] = {}

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        environment: Mapping[str, str] | None = None,
        stored: Callable[[], Source] | None = None,
    ) -> LiveSecrets:
        """Open the sources that the settings name; raises SettingsError for one that cannot be read.

        `stored` opens the source "store", which a scheduler has; where the settings do not name it, it is the last.
        """
        found = os.environ if environment is None else environment
        named = list(settings.secrets)
        if stored is not None and STORE not in named:
            named.append(STORE)
        return cls([_open(text, settings.folder, found, stored) for text in named if text != STORE or stored])

    def __repr__(self) -> str:
        """Show nothing of them."""
        return f"<LiveSecrets of {len(self._sources)} sources>"

    __str__ = __repr__

    def __getitem__(self, name: str) -> str:
        """Return the secret of the first source that has it."""
        for source in self._sources:
            if (value := source.get(name)) is not None:
                self._seen[value] = name
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        """Store a secret in the first source that can be written; raises SettingsError where it would not count."""
        source = self.source_for(name)
        self.remember(name, value)
        source.put(name, value)

    def source_for(self, name: str) -> Source:
        """Return where a secret is stored; raises SettingsError where it would not count."""
        for source in self._sources:
            if source.writable:
                return source
            self._refuse_to_hide(source, name)
        msg = "no source of secrets can be written; add one to secrets in tenant.toml, such as 'dotenv:.env'"
        raise SettingsError(msg)

    def __delitem__(self, name: str) -> None:
        """Remove a secret from every source that has it; raises SettingsError if one of them cannot be written."""
        having = self.sources_of(name)
        if not having:
            raise KeyError(name)
        for source in having:
            source.remove(name)

    def sources_of(self, name: str) -> list[Source]:
        """Return the sources that have a secret; raises SettingsError if one of them cannot be written."""
        having = [source for source in self._sources if source.get(name) is not None]
        for source in having:
            self._refuse_to_hide(source, name)
        return having

    def __iter__(self) -> Iterator[str]:
        """Go through the names, without repeats."""
        return iter(dict.fromkeys(name for source in self._sources for name in source.names()))

    def __len__(self) -> int:
        """Count the names."""
        return len(dict.fromkeys(self))

    @staticmethod
    def _refuse_to_hide(source: Source, name: str) -> None:
        if not source.writable and source.get(name) is not None:
            msg = f"the secret {name!r} comes from the environment, where it can be neither replaced nor deleted"
            raise SettingsError(msg)

    @property
    def seen(self) -> Mapping[str, str]:
        """The names by value of all secrets that were read or set, also of those that are gone."""
        return self._seen

    def remember(self, name: str, value: str) -> None:
        """Add a secret to those that are seen."""
        self._seen[value] = name

    def read_all(self) -> None:
        """Read every secret, so that `seen` has them all."""
        for name in self:
            self.get(name)


class SettingsHints:
    """Says where an administrator sets what a job misses."""

    __slots__ = ("_sources",)

    def __init__(self, sources: tuple[str, ...]) -> None:
        """Keep the sources of secrets."""
        self._sources = sources

    def secret(self, key: str) -> str:
        """Return where to set a secret."""
        if not self._sources:
            return 'name a source of secrets in tenant.toml, such as secrets = ["dotenv:.env"]'
        kind, _, rest = self._sources[0].partition(":")
        if kind == STORE:
            return f"set it by POST /api/plugins/<slug>/secrets with the key {key}"
        if kind == "env":
            return f"set {rest}{key} in the environment"
        return f"write a line {key}=… into {rest}" if kind == "dotenv" else f"set it in the keyring's service {rest!r}"

    def table(self, table: object) -> None:
        """Return nothing: tables are the application's."""


def _open(text: str, folder: Path, environment: Mapping[str, str], stored: Callable[[], Source] | None) -> Source:
    return stored() if text == STORE and stored is not None else open_source(text, folder, environment)


def open_source(text: str, folder: Path, environment: Mapping[str, str]) -> Source:
    """Open a source as the settings name it; raises SettingsError for one that cannot be read."""
    kind, _, rest = text.partition(":")
    if kind == "env":
        return Environment(environment, rest)
    return DotenvFile(folder / rest) if kind == "dotenv" else Keyring(rest)


class Environment:
    """Variables whose names begin with a prefix, which the secrets' names do not have."""

    __slots__ = ("_prefix", "_variables", "writable")

    def __init__(self, variables: Mapping[str, str], prefix: str) -> None:
        """Read the variables, now and later."""
        self._variables = variables
        self._prefix = prefix
        self.writable = False

    def names(self) -> Iterable[str]:
        """Return the names without their prefix."""
        before = len(self._prefix)
        return [name[before:] for name in self._variables if name.startswith(self._prefix) and name[before:]]

    def get(self, name: str) -> str | None:
        """Return a variable, or None."""
        return self._variables.get(self._prefix + name)

    def put(self, name: str, value: str) -> None:
        """Refuse: nothing is written into the environment."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Refuse, too."""
        raise NotImplementedError


class DotenvFile:
    """A file of lines such as `API_KEY='…'`; it is read again when it has changed."""

    __slots__ = ("_path", "_read", "_stamp", "writable")

    def __init__(self, path: Path) -> None:
        """Read the file, which need not exist yet."""
        with needed("a source 'dotenv:…'", "serve"):
            import dotenv  # noqa: F401  only whether it is there
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._read: dict[str, str] = {}
        self.writable = True
        self._values()

    def names(self) -> Iterable[str]:
        """Return the names in the file."""
        return list(self._values())

    def get(self, name: str) -> str | None:
        """Return a value, or None."""
        return self._values().get(name)

    def put(self, name: str, value: str) -> None:
        """Write a line; other lines stay as they are."""
        from dotenv import set_key

        if not self._path.exists():
            self._path.touch(mode=0o600)
        set_key(self._path, name, value)
        self._check_kept(name, value)

    def remove(self, name: str) -> None:
        """Remove the line of a secret."""
        from dotenv import unset_key

        unset_key(self._path, name)

    def _values(self) -> dict[str, str]:
        from dotenv import dotenv_values

        try:
            found = self._path.stat()
        except FileNotFoundError:
            return {}
        if self._stamp != (stamp := (found.st_mtime_ns, found.st_size)):
            try:
                values = dotenv_values(self._path, interpolate=False)
            except (OSError, ValueError) as error:
                msg = f"cannot read the secrets in {str(self._path)!r}: {type(error).__name__}"
                raise SettingsError(msg) from error
            self._read = {name: value for name, value in values.items() if value is not None}
            self._stamp = stamp
        return self._read

    def _check_kept(self, name: str, value: str) -> None:
        self._stamp = None
        if self.get(name) != value:
            msg = f"the secret {name!r} cannot be kept in {self._path.name}: its name or its value has characters"
            msg += " that such a file does not hold"
            raise SettingsError(msg)


class Keyring:
    """The keyring of the operating system."""

    __slots__ = ("_service", "writable")

    def __init__(self, service: str) -> None:
        """Use the entries of one service."""
        with needed("a source 'keyring:…'", "keyring"):
            import keyring  # noqa: F401  only whether it is there
        self._service = service
        self.writable = True

    def names(self) -> Iterable[str]:
        """Return the names of the secrets that were set here; keyrings themselves list nothing."""
        return (self._entry(_INDEX) or "").split()

    def get(self, name: str) -> str | None:
        """Return an entry, or None."""
        return self._entry(name)

    def put(self, name: str, value: str) -> None:
        """Write an entry, and its name into the list of names."""
        self._call("set_password", name, value)
        self._call("set_password", _INDEX, " ".join(sorted({*self.names(), name})))

    def remove(self, name: str) -> None:
        """Remove an entry."""
        self._call("delete_password", name)
        self._call("set_password", _INDEX, " ".join(sorted({*self.names()} - {name})))

    def _entry(self, name: str) -> str | None:
        found: str | None = self._call("get_password", name)
        return found

    def _call(self, function: str, *given: str) -> Any:
        import keyring
        from keyring.errors import KeyringError

        try:
            return getattr(keyring, function)(self._service, *given)
        except KeyringError as error:
            msg = f"the keyring cannot be used (source 'keyring:{self._service}'): {error}"
            raise SettingsError(msg) from error
