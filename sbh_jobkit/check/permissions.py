"""The rule on permissions: the manifest lists what the code calls, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check.context import uses
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.plugin.manifest import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source


def findings(source: Source) -> Iterator[Finding]:
    """Yield permissions that are needed and not listed, and the reverse; a manifest that lists none has all."""
    listed = source.data.get("permissions")
    if source.manifest is None or not isinstance(listed, list):
        return
    found = uses(source.modules)
    certain = {name: place for name, place in found.permissions.items() if place not in found.escapes}
    for name, place in certain.items():
        if name not in listed:
            message = f"{place.what} needs the permission {name!r}, which plugin.json does not list"
            advice = f'add "{name}" to "permissions" in plugin.json'
            yield Finding(file=place.file, line=place.line, rule="permission-missing", message=message, advice=advice)
    for index, name in enumerate(listed):
        if name not in found.permissions:
            message = f"the permission {name!r} is listed, but nothing that the plugin calls needs it"
            where = source.line(f"$.permissions[{index}]")
            yield Finding(file=FILE, line=where, rule="permission-unused", message=message, advice="leave it out")
