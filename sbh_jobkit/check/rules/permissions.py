"""Rules about permissions: what the code needs, and what the manifest lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check import jsontext
from sbh_jobkit.check.context import find_uses
from sbh_jobkit.plugin.manifest import PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.source import Source


def findings(source: Source) -> Iterator[Finding]:
    """Yield permissions that are needed but not listed, or listed but not needed; without a list all are granted."""
    listed = source.data.get("permissions")
    if not isinstance(listed, list) or any(name not in PERMISSIONS for name in map(str, listed)):
        return  # a misspelt one may be the one that is needed
    found = find_uses(source.modules)
    certain = {name: place for name, place in found.permissions.items() if place not in found.escapes}
    for name, place in certain.items():
        if name not in listed:
            message = f"{place.what} needs the permission {name!r}, which plugin.json does not list"
            advice = f'add "{name}" to "permissions" in plugin.json'
            edits = jsontext.with_item(source.text, "$.permissions", name)
            yield source.found(place.file, place.node, "permission-missing", message, advice=advice, edits=edits)
    if source.damaged or source.manifest is None:
        return  # what could not be read may need them
    for index, name in enumerate(listed):
        if name not in found.permissions:
            message = f"the permission {name!r} is listed, but no call of the plugin needs it"
            path = f"$.permissions[{index}]"
            edits = jsontext.without(source.text, "$.permissions", index)
            yield source.in_manifest(
                path, "permission-unused", message, level="warning", advice="remove it", edits=edits
            )
