"""The process in which `check` imports plugins, so that none can stop, slow down or change the check itself.

It reads requests as lines of JSON, and answers each with a line of JSON. Every plugin is imported in a fork of its
own, with a time limit and a limit of memory, and with its output thrown away.
"""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import select
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin.loader import real_imports
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.plugin.places import authors_terms, call_place
from sbh_jobkit.plugin.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_MEMORY = 1 << 30
"""How much more memory the import of a plugin may take than this process has."""
_USUAL = (
    *("sbh_jobkit.context.context", "croniter", "collections", "dataclasses", "datetime", "functools", "hashlib"),
    *("random", "subprocess", "uuid", "zoneinfo"),
)
"""What the import of nearly every plugin needs."""
_PLUGIN = 'from src.ext.sdk import job\n\n@job("a", schedule="0 6 * * *")\ndef a(ctx): pass\n'
_GRACE = 1.0
"""How many seconds longer this process waits than the import's own alarm."""
_PLACE = re.compile(r"([\w./-]+\.py):(\d+)")
_exit = os._exit
_Answer = dict[str, Any]


def main() -> None:
    """Answer requests until there are no more; from the second on, forks find what plugins import already there."""
    for number, line in enumerate(sys.stdin):
        if number == 1:
            _warm_up()
        sys.stdout.write(f"{json.dumps(_imported(json.loads(line)))}\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Import what nearly every plugin imports, and load a plugin of our own, so that forks need not."""
    for name in _USUAL:
        import_module(name)
    with TemporaryDirectory(prefix="sbh-check-") as folder, real_imports():
        Path(folder, "main.py").write_text(_PLUGIN, encoding="utf-8")
        Plugin.load(Path(folder, "main.py"), manifest=Manifest(slug="plugin", name="plugin"))
    gc.freeze()  # so that no fork goes through what all of them share


def _imported(request: _Answer) -> _Answer:
    """Import a plugin in a fork, and return its answer, or why there is none."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _import(request, writer)
    os.close(writer)
    data = _read(reader, monotonic() + request["limit"] + _GRACE)
    os.close(reader)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)  # the fork leads a group, so this ends also what the plugin started
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if data is None:
        return {"stopped": f"the import did not end within {request['limit']:g} s"}
    try:
        answer: _Answer = json.loads(data)
    except ValueError:
        code = os.waitstatus_to_exitcode(status)
        how = f"with code {code}" if code >= 0 else f"by signal {-code}"
        return {"stopped": f"the import ended its process {how}"}
    return answer


def _read(pipe: int, deadline: float) -> bytes | None:
    """Return all that is written to a pipe; None if it is not closed in time."""
    data = b""
    while (left := deadline - monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                return data
            data += chunk
    return None


def _import(request: _Answer, writer: int) -> NoReturn:
    """Import the plugin in this process, write the answer, and end."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    root = Path(request["folder"]).resolve()

    def stop(answer: _Answer) -> NoReturn:
        os.write(writer, json.dumps(answer).encode())
        _exit(0)

    _limit(request["limit"], root, stop)
    try:
        with real_imports():  # the limit and the silence are this process's own
            answer = _load(request, root)
    except BaseException as error:  # noqa: BLE001  whatever happens, the check needs an answer
        answer = {"stopped": f"the import failed: {type(error).__name__}"}
    signal.setitimer(signal.ITIMER_REAL, 0)
    stop(answer)


def _limit(seconds: float, root: Path, stop: Callable[[_Answer], NoReturn]) -> None:
    """Let an import that takes too long, takes too much memory, or ends its process, say at which line."""

    def late(_: int, frame: FrameType | None) -> None:
        message = f"the import did not end within {seconds:g} s"
        frames = [frame, *sys._current_frames().values()]  # noqa: SLF001  the plugin may be in another thread
        places = [place for each in frames if (place := call_place(each, root)) is not None]
        stop({"stopped": message, "place": places[0] if places else None})

    def leaves(name: str) -> Callable[..., NoReturn]:
        def left(*_: object) -> NoReturn:
            place = call_place(sys._getframe(1), root)  # noqa: SLF001  the only way to know the line
            stop({"stopped": f"the import ends its process by {name}", "place": place})

        return left

    for name in ("_exit", "abort", "kill", "killpg"):
        setattr(os, name, leaves(f"os.{name}"))
    with suppress(ValueError, OSError):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        most = used + _MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _load(request: _Answer, root: Path) -> _Answer:
    """Load the plugin, and return its warnings, or the problem."""
    folder = Path(request["folder"])
    given = Manifest(slug="plugin", name="plugin", entry=request["entry"]) if request["bare"] else None
    try:
        warnings = Plugin.load(folder if given or request["whole"] else folder / request["entry"], manifest=given)
    except PluginError as error:
        text = authors_terms(str(error), root).removeprefix(f"{folder}/").removeprefix(f"{root}/")
        places = [(file, int(line)) for file, line in _PLACE.findall(text)]
        return {"problem": text, "places": places}
    return {"warnings": [(each.rule, each.place, each.text) for each in warnings.load_warnings]}


if __name__ == "__main__":
    main()
