"""The plugins of a tenant: which there are, uploads, enabling and disabling, and their secrets."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from sbh_jobkit.context.secrets import secret_problem
from sbh_jobkit.engines import vault
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.errors import JobkitError, PluginError, SettingsError
from sbh_jobkit.live.secrets import STORE, open_source
from sbh_jobkit.plugin.archive import unpack
from sbh_jobkit.server.answer import Answer, ApiError
from sbh_jobkit.server.endpoint import Endpoint, Value

if TYPE_CHECKING:
    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.server.endpoint import Call
    from sbh_jobkit.server.service import InstalledPlugin, Service

_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
_LONGEST_SECRET = 64_000


def plugins(call: Call) -> Answer:
    """Answer the plugins of the tenant."""
    return Answer(data=[_row(each) for each in call.service.plugins(call.tenant)])


def _row(each: InstalledPlugin) -> dict[str, Any]:
    plugin = each.plugin
    return {
        "id": plugin.slug,
        "slug": plugin.slug,
        "name": plugin.name,
        "version": plugin.version,
        "description": plugin.description,
        "enabled": each.installation.enabled,
        "installed_version": plugin.version,
        "permissions": list(plugin.permissions),
        "created_at": each.installation.created_at.isoformat(),
    }


def upload(call: Call) -> Answer:
    """Check a zip, keep its plugin, and serve it."""
    with call.service.uploading:
        call.service.address.uploads.sweep(call.service.store)  # not what is replaced now: calls may go on with it
        plugin = keep(call.service, call.tenant, call.upload)
        call.service.install(call.tenant, plugin)
    names = {"plugin_id": plugin.slug, "installation_id": plugin.slug, "slug": plugin.slug}
    data = {**names, "name": plugin.name, "version": plugin.version, "warnings": list(plugin.warnings)}
    return Answer(data=data)


def keep(service: Service, tenant: str, data: bytes) -> PluginDescription:
    """Unpack a plugin into a folder of its own; raises ApiError (422) with all its problems, and keeps nothing then."""
    folder = service.address.uploads.folder / tenant
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(prefix=".checking-", dir=folder) as checking:
            unpacked = Path(checking) / "plugin"
            archive = Path(checking) / "upload.zip"
            archive.write_bytes(data)
            unpack(archive, unpacked)
            found = describe(str(unpacked))
            kept = folder / found.slug / sha256(data).hexdigest()[:16]
            if not kept.exists():
                kept.parent.mkdir(exist_ok=True)
                shutil.move(unpacked, kept)
            service.address.uploads.use(kept)
    except PluginError as error:
        raise _refused(error, folder) from error
    except OSError as error:
        raise ApiError(503, f"the upload cannot be kept: {error.strerror}") from error
    return replace(found, path=str(kept), fingerprint=kept.name[:8])


def _refused(error: PluginError, folder: Path) -> ApiError:
    """Return the problems of a package, without the places of this machine."""
    problems = getattr(error, "problems", ()) or f"{error}".splitlines()
    shown = [
        re.sub(rf"{re.escape(f'{folder}')}/\.checking-[^/\s]+/(upload\.zip|plugin)", "the package", each.strip())
        for each in problems
    ]
    shown = [each for each in shown if each]
    return ApiError(422, f"the package is not valid: {shown[0]}", shown)


def switch(call: Call, *, on: bool) -> Answer:
    """Enable or disable a plugin."""
    slug = call.path["plugin_id"]
    call.service.switch(call.tenant, slug, call.caller.name, on=on)
    return Answer(data={"plugin_id": slug, "enabled": on})


def set_secret(call: Call) -> Answer:
    """Keep a secret of a plugin, encrypted; it is never read back."""
    slug = call.service.plugin(call.tenant, call.path["plugin_id"]).plugin.slug
    name, value = call.body["key"], call.body["value"]
    if not _SECRET.fullmatch(name):
        raise ApiError(
            400, "'key' must be a name of letters, digits, '_', '.' and '-' that begins with a letter or '_'"
        )
    if (problem := secret_problem(name, value)) is not None:
        raise ApiError(400, problem)
    _require_to_count(call, name)
    try:
        with call.service.store.write() as connection:
            vault.put(connection, call.service.keys, (call.tenant, slug), name, value)
    except SettingsError as error:
        raise ApiError(409, str(error)) from error
    return Answer(data={"key": name, "set": True})


def _require_to_count(call: Call, name: str) -> None:
    """Raise ApiError (409) where a source that is asked before the store has the secret already."""
    import os

    settings = call.service.tenants[call.tenant]
    named = list(settings.secrets)
    for text in named[: named.index(STORE)] if STORE in named else named:
        try:
            hides = open_source(text, settings.folder, os.environ).get(name) is not None
        except JobkitError as error:
            raise ApiError(409, f"a source of secrets that is asked first cannot be read: {error}") from error
        if hides:
            msg = f"the secret {name!r} is in the tenant's source {text!r}, which is asked before the store"
            raise ApiError(409, f"{msg}; change it there")


def metrics(call: Call) -> Answer:
    """Answer how much there is."""
    found = call.service.plugins(call.tenant)
    with call.service.store.read() as connection:
        mine = job_run.c.tenant == call.tenant
        counted = select(job_run.c.state, job_run.c.outcome, func.count()).where(mine)
        rows = connection.execute(counted.group_by(job_run.c.state, job_run.c.outcome)).all()
    going = sum(number for state, _, number in rows if state in {State.CLAIMED, State.RUNNING})
    return Answer(
        data={
            "plugins": len(found),
            "enabled_plugins": sum(each.installation.enabled for each in found),
            "jobs": sum(len(each.plugin.jobs) for each in found),
            "routes": sum(len(each.plugin.routes) for each in found),
            "hooks": sum(len(each.plugin.hooks) for each in found),
            "running": going,
            "runs": {outcome: number for _, outcome, number in rows if outcome is not None},
        }
    )


_ONE = "/api/plugins/{plugin_id}"
ENDPOINTS = (
    Endpoint(method="GET", path="/api/plugins/", about="The plugins of the tenant.", handler=plugins),
    Endpoint(
        method="POST",
        path="/api/plugins/upload",
        about="Upload a plugin as a zip with plugin.json at its root; it is served at once.",
        handler=upload,
        statuses=(413, 422),
        upload=True,
    ),
    Endpoint(method="GET", path="/api/plugins/metrics", about="How much there is.", handler=metrics),
    Endpoint(
        method="POST",
        path=f"{_ONE}/enable",
        about="Let the plugin's jobs run.",
        handler=lambda call: switch(call, on=True),
        statuses=(404,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/disable",
        about="Let none of the plugin's jobs start; fire times end as skipped.",
        handler=lambda call: switch(call, on=False),
        statuses=(404,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/secrets",
        about="Set a secret of the plugin, which nobody can read back.",
        handler=set_secret,
        statuses=(404, 409, 413),
        body={
            "key": Value(kind="string", about="its name", required=True, least=1, most=200),
            "value": Value(kind="string", about="its value", required=True, least=1, most=_LONGEST_SECRET),
        },
    ),
)
