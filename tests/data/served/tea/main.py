"""A plugin for tests of the server: jobs that succeed, fail, take long and are manual only; routes; hooks."""

import sys
import time

from src.ext.sdk import PluginContext, hook, job, route


@job("greet", schedule="0 5 1 1 *")
def greet(ctx: PluginContext):
    """Print, emit, and return something."""
    print("hello", ctx.tenant_id, ctx.secrets.get("KEY", "no key"))
    ctx.emit("greeted", {"to": ctx.tenant_id})
    return {"status": "success", "key": ctx.secrets.get("KEY", "no key")}


@job("fail")
def fail(ctx: PluginContext):
    """Say that it failed."""
    print("<script>alert(1)</script>", ctx.tenant_id)
    return {"status": "error", "error": "no <b>tea</b>"}


@job("slow")
def slow(ctx: PluginContext):
    """Take long."""
    print("waiting for", ctx.tenant_id)
    time.sleep(25)


@job("link")
def link(ctx: PluginContext):
    """Make links to files."""
    ctx.files.upload("a b/ä.txt", "some text", "text/plain")
    links = [ctx.files.get_presigned_url("a b/ä.txt"), ctx.files.get_presigned_url("new.html", "put_object", 60)]
    return {"links": [*links, ctx.files.get_presigned_url("nothing.txt")]}


@job("set_secret")
def set_secret(ctx: PluginContext):
    """Set a secret and read it again."""
    return {"set": ctx.secrets.set("MADE", "made-by-a-job"), "length": len(ctx.secrets.get("MADE"))}


@route("/cups")
def cups(ctx: PluginContext):
    """Answer who asks."""
    return {"who": ctx.user_id, "role": ctx.role, "query": ctx.request.query, "method": ctx.request["method"]}


@route("/cups/{name}", methods=["PUT", "DELETE"])
async def cup(ctx: PluginContext, data, name):
    """Answer with a status of its own."""
    return {"name": name, "data": data, "key": ctx.secrets.get("KEY", "no key")}, 201


@route("/broken", methods=["GET"])
def broken(ctx: PluginContext):
    """Raise."""
    raise ValueError(ctx.tenant_id)


@route("/gone")
def gone(ctx: PluginContext):
    """End the process."""
    sys.stdout.flush()
    ctx.secrets.list()
    __import__("os")._exit(3)


@hook("tea.ready")
def ready(ctx: PluginContext, event_data):
    """Return what came."""
    print("ready", event_data)
    return {"got": event_data}


@hook("tea.ready")
def ready_too(ctx: PluginContext, event_data):
    """Fail."""
    raise KeyError(event_data["cups"])
