"""What a job gets for a wrong call: each call is made in an empty world, and the answer is a row of the manual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit import Plugin, World, run_job

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = (
    'ctx.secrets.get("API_KEY")',
    'ctx.secrets.get("API_KEY", None)',
    "ctx.secrets.get(7)",
    'ctx.secrets.set("API_KEY", 7)',
    'ctx.secrets.delete("API_KEY")',
    'ctx.http.get("https://api.example.com/")',
    'ctx.http.get("ftp://api.example.com/")',
    'ctx.http.post("https://api.example.com/", json={1, 2})',
    "ctx.files.list(7)",
    'ctx.files.get("absent.txt")',
    'ctx.files.upload("a.json", {"a": 1})',
    'ctx.files.upload("", "text")',
    'ctx.files.delete("absent.txt")',
    'ctx.db.query("absent")',
    'ctx.db.query("users", {"age": {"$over": 3}})',
    'ctx.db.query("users", limit=-1)',
    'ctx.db.get_by_id("users", 99)',
    'ctx.db.insert("users", {"name": "Ada"})',
    'ctx.llm.run("Hello", max_tokens=0)',
    'ctx.emit("order.paid", {1, 2})',
    'ctx.emit("", {})',
    "ctx.email",
)
_MANIFEST = {"slug": "wrong", "name": "Wrong", "permissions": ["files.read"]}


def bad_inputs() -> Iterator[tuple[str, str, str]]:
    """Yield each call, what it returned or raised, and the kinds of fault that the run has."""
    for call in CALLS:
        yield _answered(call, None)
    called, got, kinds = _answered('ctx.llm.run("Hello")', _MANIFEST)
    yield f"{called}, without the permission `llm.use`", got, kinds


def _answered(call: str, manifest: dict | None) -> tuple[str, str, str]:
    from src.ext.sdk import job  # the kit makes it importable

    got = []

    @job("try_it")
    def try_it(ctx: object) -> None:
        try:
            got.append(f"returns `{eval(call, {'ctx': ctx})!r}`")  # noqa: S307  the calls above
        except Exception as error:  # noqa: BLE001  which one is what the manual shows
            got.append(f"raises `{type(error).__name__}: {error}`")

    world = World()
    world.db.create("users")
    plugin = Plugin.load({"try_it": try_it}, manifest=manifest)
    run = run_job(plugin.jobs["try_it"], world, at="2026-01-01T00:00")
    return f"`{call}`", got[0], ", ".join(f"`{fault.kind}`" for fault in run.faults) or "none"
