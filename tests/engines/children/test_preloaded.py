"""What a run needs is loaded once, in the starter: what a child loads again, each run pays for."""

import subprocess
import sys

import pytest

from sbh_jobkit.cli.served import modules
from sbh_jobkit.engines import vault
from sbh_jobkit.engines.keyring import Keys
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.engines.tenant import TABLE
from sbh_jobkit.live.settings import Settings

PLUGIN = f"""
import sys
from src.ext.sdk import job, PluginContext


@job("nothing", schedule="0 2 * * *")
def nothing(ctx: PluginContext):
    return sorted(sys.modules)


@job("much", schedule="0 3 * * *")
def much(ctx: PluginContext):
    seen = [ctx.secrets.get("API_KEY"), ctx.db.query({TABLE!r})]
    ctx.files.upload("a.txt", b"a")
    ctx.emit("done", {{}})
    return sorted(sys.modules) if seen[0] else None
"""
TENANT = 'id = "acme"\nfiles = "file://files"\n'
IN_STARTER = """
import runpy, sys
from sbh_jobkit.cli.served import modules
from sbh_jobkit.engines import starter
assert starter._load(modules()) is None
print(*sys.modules)
"""


OF_A_PLUGIN = {"src", "sbh_plugins", "main", ""}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a function that runs a job on real services, with a secret in the store."""
    folder = tmp_path_factory.mktemp("served")
    for name, text in (("main.py", PLUGIN), ("plugin.json", '{"slug": "p", "name": "P"}'), ("tenant.toml", TENANT)):
        (folder / name).write_text(text)
    keys, url = Keys.load_or_make(folder / "key"), f"sqlite:///{folder}/jobs.db"
    store = Store.open(url)
    with store.write() as connection:
        vault.put(connection, keys, ("acme", "p"), "API_KEY", "correct horse")
    with store.read() as connection:
        sealed = vault.sealed(connection, "acme", "p")
    store.close()
    tenant = Settings.load(folder / "tenant.toml")
    given = {"path": str(tenant.path), "store": url, "plugin": "p", "keys": f"{folder / 'key'}", "sealed": sealed}
    with Starter.start(modules()) as starter:

        def run(job):
            request = RunRequest(
                plugin=str(folder),
                slug="p",
                job=job,
                fire=1_767_585_600.0,
                tenant="acme",
                factory="sbh_jobkit.engines.tenant:make_tenant",
                settings=given,
            )
            with starter.request(request) as handle:
                assert handle.wait_ready(30), handle.result().summary
                handle.go()
                return handle.result()

        yield run


@pytest.mark.parametrize("job", ["nothing", "much"])
def test_a_run_loads_no_module_but_its_plugins(served, job):
    """Of the kit, of libraries, or of Python itself."""
    done = subprocess.run([sys.executable, "-P", "-c", IN_STARTER], capture_output=True, text=True, check=True)
    run = served(job)
    assert run.outcome == "ok", run.summary
    new = {*run.value} - {*done.stdout.split()}
    assert {name for name in new if name.split(".")[0] not in OF_A_PLUGIN} == set()


@pytest.mark.parametrize("name", ["json", "secrets", "calendar"])
def test_a_file_of_the_working_folder_is_no_module_of_the_starter(tmp_path, monkeypatch, name):
    """As `python -m` alone would take it: a plugin's folder may hold a file with any name."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    with Starter.start(modules()) as starter:
        assert starter.pid
