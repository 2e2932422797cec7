"""A JupyterLab server for the tests; it writes to one temporary folder only."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
from nbformat import v4

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
_WITHOUT = (
    "@jupyterlab/apputils-extension:announcements",  # would use the internet
    "@jupyterlab/debugger-extension",  # fails if a kernel is restarted in its first second
)
_DIRECTORIES = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_PATIENCE = 60


class LabServer:
    """A context manager that runs the server with untrusted copies of our notebooks and examples."""

    def __init__(self, folder: Path) -> None:
        """Use a folder for all files of the server."""
        self.folder = folder / "served"
        self._state = folder / "state"
        self._log = folder / "server.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._token = secrets.token_hex(16)
        self._count = itertools.count(1)

    def __enter__(self) -> Self:
        """Start the server, and wait until it answers."""
        for name in ("notebooks", "examples"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        page = self._state / "config/labconfig/page_config.json"
        page.parent.mkdir(parents=True)
        page.write_text(json.dumps({"disabledExtensions": dict.fromkeys(_WITHOUT, True)}))
        options = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={self._port}"]
        options += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}"]
        options += [f"--IdentityProvider.token={self._token}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env={**os.environ, **{name: str(self._state / path) for name, path in _DIRECTORIES.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def url(self) -> str:
        """The address, with an empty workspace."""
        return f"http://127.0.0.1:{self._port}/lab?token={self._token}&reset"

    def write(self, cells: Iterable[str]) -> str:
        """Write a notebook with these code cells, and return its path."""
        path = f"scratch_{next(self._count)}.ipynb"
        book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells], metadata={"kernelspec": KERNEL})
        nbformat.write(book, self.folder / path)
        return path

    def log(self) -> str:
        """Return the end of the server's log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < end:
            try:
                urlopen(f"http://127.0.0.1:{self._port}/api/status?token={self._token}", timeout=5).close()
            except (URLError, OSError):
                time.sleep(0.1)
            else:
                return
        msg = f"JupyterLab did not start within {_PATIENCE} s:\n{self.log()}"
        raise RuntimeError(msg)
