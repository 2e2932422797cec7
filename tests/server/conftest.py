"""A scheduler with its REST API in this process, for a module of tests, and clients with tokens of each kind."""

import io
import subprocess
import zipfile
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from sbh_jobkit.cli.serve import _jobs_of
from sbh_jobkit.cli.web import Web, install_all
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.server import tokens

TEA = Path(__file__).parents[1] / "data/served/tea"
TENANTS = {
    "acme": 'id = "acme"\nfiles = "file://files"\nsecrets = ["dotenv:acme.env"]\ntimezone = "Europe/Berlin"\n',
    "globex": 'id = "globex"\n[policy.greet]\nretry = 3\nbackoff = "5m"\n',
}


class Served:
    """What tests need of a server: its address, its store, its folder, and clients."""

    def __init__(self, folder, store, url, engine, service):
        """Make a token of each kind."""
        self.folder, self.store, self.url, self.engine, self.service = folder, store, url, engine, service
        with store.write() as connection:
            for each in tokens.read(connection):
                tokens.remove(connection, each.name)
            self.tokens = {
                "operate": tokens.add(connection, "ops", "operate"),
                "read": tokens.add(connection, "eye", "read"),
                "globex": tokens.add(connection, "globex only", "operate", tenant="globex"),
            }

    def client(self, token="operate", tenant="acme"):  # noqa: S107  the name of one
        """Return a client with a token, for a tenant; None leaves either out."""
        headers = {"Authorization": f"Bearer {self.tokens.get(token, token)}"} if token else {}
        if tenant:
            headers["X-Tenant-Slug"] = tenant
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def run(self, job, plugin="tea", tenant="acme"):
        """Run a job by hand; return the whole answer."""
        with self.client(tenant=tenant) as client:
            return client.post(f"/api/plugins/{plugin}/jobs/{job}/run-now").json()


@contextmanager
def serving(folder, paths=(TEA,), **options):
    """Serve plugins for two tenants until the end of the block."""
    settings = []
    for name, text in TENANTS.items():
        (folder / f"{name}.toml").write_text(text)
        settings.append(Settings.load(folder / f"{name}.toml"))
    given = {
        "host": "127.0.0.1",
        "port": 0,
        "url": None,
        "token_file": None,
        "key_file": None,
        "uploads": None,
        "name": None,
        "engine": "local",
    }
    store = Store.open(f"sqlite:///{folder / 'jobs.db'}")
    web = Web.open(Namespace(**{**given, **options}), store, shows=True)
    with Starter.start(["sbh_jobkit.engines.tenant", "sbh_jobkit.live.preload"]) as starter:
        found = install_all(store, settings, [describe(str(path)) for path in paths], web.address.uploads)
        jobs = [job for each in settings for job in _jobs_of(each, found, store, web.address.for_tenants)]
        engine = LocalEngine(store, jobs, starter, ended=web.metrics.ended)
        engine.start()
        service = web.service(store, engine, starter, settings, found)
        thread = web.serve(service)
        try:
            yield Served(folder, store, web.address.url, engine, service)
        finally:
            thread.stop()
            engine.stop(0)
            web.address.uploads.close()
            store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve the plugin of tea; what a test leaves there, the next one of its module meets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SBH_JOBKIT_KEY", raising=False)
        with serving(tmp_path_factory.mktemp("served")) as found:
            yield found


@pytest.fixture
def serve_in(monkeypatch):
    """Return the function that serves from a folder, again and again."""
    monkeypatch.delenv("SBH_JOBKIT_KEY", raising=False)
    return serving


@pytest.fixture
def api(served):
    """Return a client that may do everything at acme."""
    with served.client() as client:
        yield client


def packed(files, **more):
    """Return a zip of texts by name; `more` changes the infos of members by name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = more.get(name, 0)
            archive.writestr(info, text)
    return written.getvalue()


@pytest.fixture(scope="session")
def pack():
    """Return the function that makes zips."""
    return packed


@pytest.fixture
def on_disk():
    """Return a function that reads a file in another process.

    Where this one opens and closes SQLite's file by itself, the locks of all its connections to it are gone: the
    child of a run takes itself for the last one and cuts the shared memory off, and this process dies by SIGBUS.
    """
    return lambda path: subprocess.run(["cat", str(path)], capture_output=True, check=True, timeout=10).stdout  # noqa: S607
