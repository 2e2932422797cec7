"""What a world says about the real network: whether this machine may be reached, and which modules reach it unheard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sbh_jobkit.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Collection

RULES = ("loopback", "_network_modules")
"""The attributes that a snapshot of a world keeps."""


class NetworkRules:
    """The rules of one world; without any, every connection is refused, and the kit's own list of modules counts."""

    loopback: bool = False
    """Whether jobs may connect to real servers on this machine."""
    _network_modules: frozenset[str] = frozenset()

    @property
    def own_modules(self) -> frozenset[str]:
        """The modules of `network_modules`, as a set."""
        return self._network_modules

    @property
    def network_modules(self) -> Collection[str]:
        """Modules that reach the network past Python's sockets, in addition to the kit's list: a fault to load one.

        `["fastdb"]` also names its submodules, `["fastdb.native"]` only that one.
        """
        return sorted(self._network_modules)

    @network_modules.setter
    def network_modules(self, names: Collection[str]) -> None:
        given = [names] if isinstance(names, str) else names
        listed = list(given) if isinstance(given, Iterable) else [given]
        for each in listed:
            if not isinstance(each, str) or not all(part.isidentifier() for part in each.split(".")):
                msg = f"network_modules takes names of modules, such as ['fastdb', 'vendor.native'], got {each!r}"
                raise WorldError(msg)
        self._network_modules = frozenset(listed)
