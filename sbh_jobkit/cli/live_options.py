"""The options of the commands that run jobs for real, or read what became of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.sentence import sentence

if TYPE_CHECKING:
    from argparse import ArgumentParser

    Commands = Any
    """What argparse's `add_subparsers` returns, which has no public name."""

_LARGEST_PORT = 65_535
STORE = "sqlite:///jobs.db"
VARIABLE = "SBH_JOBKIT_STORE"
"""Names the store where no option does: a command line can be read by everybody on the machine."""
_MOST_RUNS = 10_000
_STORE = f"the store: sqlite:///FILE or postgresql://… (default: the variable {VARIABLE}, else {STORE})"
_KEY = "the file with the key of secrets, mode 600 (default: beside the store, with the ending .key)"
_NAME = "what you call this process; one that is alive and has the same name is named, and nothing starts"
_TENANT = "the file that describes the tenant (default: tenant.toml)"


def add_command(commands: Commands, name: str, text: str) -> Any:
    """Add a command and return its parser; what the list of commands says of it begins its own help as a sentence."""
    return commands.add_parser(name, help=text, description=sentence(text))


def _add_runs(parser: Any) -> None:
    parser.add_argument("--runs", type=_runs, default=4, metavar="N", help="runs at a time (default: 4)")
    text = "how many runs of a plugin a process may have, one after another (default: 1, a new process for each run)"
    parser.add_argument("--runs-per-process", type=_runs_per_process, default=1, metavar="N", help=text)


def _add_store(parser: Any) -> None:
    parser.add_argument("--store", default=os.environ.get(VARIABLE) or STORE, metavar="URL", help=_STORE)


def add_all(commands: Commands) -> None:
    """Add the commands that have no option of a simulation."""
    for add in (add_serve, add_worker, add_history, add_pauses, add_backfill, add_token, add_secrets):
        add(commands)


def add_serve(commands: Commands) -> None:
    """Add `serve`."""
    text = "run the jobs of plugins on the real services of a tenant, when they are due"
    serve = add_command(commands, "serve", text)
    serve.add_argument("paths", nargs="*", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    serve.add_argument("--tenant", action="append", metavar="FILE", help=f"{_TENANT}; may be repeated")
    _add_store(serve)
    text = "run jobs in this process, or plan them for workers; NAME is an engine of an extension (default: local)"
    serve.add_argument("--engine", default="local", metavar="local|distributed|NAME", help=text)
    serve.add_argument("--name", type=_name, metavar="NAME", help=_NAME)
    _add_runs(serve)
    text = "how long runs may go on after Ctrl-C or SIGTERM, before they are cancelled (default: 20s)"
    serve.add_argument("--grace", default="20s", metavar="DURATION", help=text)
    serve.add_argument("--port", type=_port, default=8765, metavar="N", help="of the REST API (default: 8765; 0: any)")
    text = "the address to listen on; beyond this machine, a token must be there (default: 127.0.0.1)"
    serve.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=text)
    text = "the address by which others reach it, for links to files (default: the host and the port)"
    serve.add_argument("--url", type=_url, metavar="URL", help=text)
    text = "write the first token of the REST API to this file, or take it from there (mode 600)"
    serve.add_argument("--token-file", metavar="FILE", help=text)
    serve.add_argument("--key-file", metavar="FILE", help=_KEY)
    text = "where uploaded plugins are kept (default: beside the store, with the ending .plugins)"
    serve.add_argument("--uploads", metavar="FOLDER", help=text)
    text = "forget what was due before now, also where the clock has jumped"
    serve.add_argument("--begin-now", action="store_true", help=text)
    text = "only say what the tenant would use, and reach each service once"
    serve.add_argument("--check", action="store_true", help=text)


def add_worker(commands: Commands) -> None:
    """Add `worker`, and `store`."""
    text = "run the jobs that serve --engine plans for workers"
    worker = add_command(commands, "worker", text)
    text = f"the store: postgresql://… (default: the variable {VARIABLE})"
    worker.add_argument("--store", default=os.environ.get(VARIABLE) or None, metavar="URL", help=text)
    worker.add_argument("--name", type=_name, metavar="NAME", help=_NAME)
    text = "what brings rows to workers: the name that serve was given, too (default: distributed)"
    worker.add_argument("--engine", default="distributed", metavar="distributed|NAME", help=text)
    _add_runs(worker)
    worker.add_argument(
        "--tenants", type=_tenants, default=[], metavar="A,B", help="only jobs of these tenants (default: all)"
    )
    text = "how long runs may go on after Ctrl-C or SIGTERM, before they are cancelled (default: 20s)"
    worker.add_argument("--grace", default="20s", metavar="DURATION", help=text)
    text = "the file with the key of secrets, mode 600 (default: the variable SBH_JOBKIT_KEY)"
    worker.add_argument("--key-file", metavar="FILE", help=text)
    text = "where plugins are kept that were fetched (default: sbh-jobkit.packages)"
    worker.add_argument("--cache", metavar="FOLDER", help=text)
    text = "the address of the REST API, for links to files"
    worker.add_argument("--url", type=_url, metavar="URL", help=text)
    text = "make or migrate the tables of a store, or copy a store from SQLite into PostgreSQL"
    store = add_command(commands, "store", text)
    store.add_argument("action", metavar="migrate|copy", help="what to do")
    store.add_argument("--from", dest="source", metavar="URL", help="with copy: the store in SQLite, sqlite:///FILE")
    _add_store(store)
    text = "the engine that serve and workers are to use; distributed has tables of its own (default: distributed)"
    store.add_argument("--engine", default="distributed", metavar="local|distributed|NAME", help=text)


def add_token(commands: Commands) -> None:
    """Add `token`."""
    text = "list, add or remove the tokens of the REST API"
    token = add_command(commands, "token", text)
    token.add_argument("action", metavar="list|add|remove", help="what to do")
    token.add_argument("name", nargs="?", metavar="NAME", help="the name of the token")
    text = "what it may do: read, or operate (default: operate)"
    token.add_argument("--role", default="operate", metavar="read|operate", help=text)
    token.add_argument("--tenant", metavar="NAME", help="the only tenant that it is for (default: all)")
    _add_store(token)


def add_secrets(commands: Commands) -> None:
    """Add `secrets`."""
    text = "encrypt the secrets in a store with a new key, or print a new key"
    secrets = add_command(commands, "secrets", text)
    secrets.add_argument("action", metavar="rotate|new-key", help="what to do")
    _add_store(secrets)
    secrets.add_argument("--key-file", metavar="FILE", help=_KEY)


def add_history(commands: Commands) -> None:
    """Add `history`."""
    text = "show the runs of a scheduler, newest first"
    history = add_command(commands, "history", text)
    history.add_argument("plugin", nargs="?", metavar="PLUGIN", help="only this plugin, by its slug")
    _add_store(history)
    history.add_argument("--tenant", metavar="NAME", help="only this tenant")
    history.add_argument("--job", metavar="NAME", help="only this job")
    history.add_argument("--failed", action="store_true", help="only runs that are not ok")
    history.add_argument("--limit", type=_runs, default=50, metavar="N", help="at most so many runs (default: 50)")
    history.add_argument("--json", action="store_true", help="print JSON")


def add_pauses(commands: Commands) -> None:
    """Add `pause` and `resume`."""
    texts = {
        "pause": "let fire times of jobs end as skipped, until they are resumed",
        "resume": "let jobs that were paused start again",
    }
    for name, text in texts.items():
        parser = add_command(commands, name, text)
        parser.add_argument("plugin", nargs="?", metavar="PLUGIN", help="the plugin, by its slug")
        parser.add_argument("job", nargs="?", metavar="JOB", help="the job (default: all jobs of the plugin)")
        parser.add_argument("--all", action="store_true", help="the jobs of all plugins")
        parser.add_argument("--tenant", metavar="NAME", help="only at this tenant")
        _add_store(parser)


def add_backfill(commands: Commands) -> None:
    """Add `backfill`."""
    text = "run past fire times of a job that have not run, each under its own fire time"
    backfill = add_command(commands, "backfill", text)
    backfill.add_argument("plugin", metavar="PLUGIN", help="the plugin, by its slug")
    backfill.add_argument("job", metavar="JOB", help="the job")
    backfill.add_argument("--from", dest="start", metavar="ISO", help="the start, in the zone of the job's schedule")
    backfill.add_argument("--to", dest="end", metavar="ISO", help="the end, which is not included (default: now)")
    text = "start nothing more of the job's backfills; what runs goes on"
    backfill.add_argument("--cancel", action="store_true", help=text)
    backfill.add_argument("--tenant", metavar="NAME", help="the tenant (default: the only one that has the job)")
    _add_store(backfill)


def add_parity(commands: Commands, add_common: Any, add_range: Any) -> None:
    """Add `parity`, whose conditions are those of a simulation."""
    text = "hold the decisions of the scheduler against those of a simulation"
    parity = add_command(commands, "parity", text)
    parity.add_argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    add_range(parity)
    text = "let the scheduler's side have the policies of this tenant (default: the same as the simulation)"
    parity.add_argument("--tenant", metavar="FILE", help=text)
    text = "whose decisions: those of one process, or of planners and workers with their queue (default: local)"
    parity.add_argument("--engine", default="local", metavar="local|distributed", help=text)
    text = "with --engine distributed: an empty PostgreSQL database, postgresql://…, which is emptied again"
    parity.add_argument("--store", metavar="URL", help=text)
    add_common(parity)


def add_live(run: ArgumentParser) -> None:
    """Add the options by which `run` runs a job for real."""
    run.add_argument("--live", action="store_true", help="run it for real and now, on the services of a tenant")
    run.add_argument("--dry", action="store_true", help="with --live: show what would be written, and do not do it")


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", text):
        msg = f"--name {text[:60]!r} is not a name: use up to 50 letters, digits, '.', '_' and '-'"
        raise JobkitError(msg)
    return text


def _url(text: str) -> str:
    """Return the address of a server, which links to files begin with."""
    from sbh_jobkit.live.keys import web_address

    try:
        if "?" not in text and "#" not in text:
            return web_address(text)
        hint = "; leave out what begins with '?' or '#'"
    except (TypeError, ValueError) as error:
        hint = str(error) if str(error).startswith("; ") else ", such as https://jobs.example"
    msg = f"--url {text!r} is not an address that begins with https:// or http://{hint}"
    raise JobkitError(msg)


def _tenants(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        msg = f"--tenants {text!r} names no tenant; write names such as acme,globex, or leave it out for all tenants"
        raise JobkitError(msg)
    return names


def _port(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text[:6]) > _LARGEST_PORT:
        msg = f"{text!r} is not a port from 0 to {_LARGEST_PORT}"
        raise JobkitError(msg)
    return int(text)


def _runs(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text[:9]) < 1:
        msg = f"{text!r} is not a number of runs from 1"
        raise JobkitError(msg)
    return int(text[:9])


def _runs_per_process(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text[:9]) <= _MOST_RUNS:
        msg = f"--runs-per-process {text[:60]!r} is not a number of runs from 1 to {_MOST_RUNS}"
        raise JobkitError(msg)
    return int(text[:9])
