"""A job that runs on a server from a notebook: the run comes back as if it had been simulated."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from IPython.core.interactiveshell import InteractiveShell

from sbh_jobkit.project.remote import VARIABLE, Remote, RemoteError, find_token

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_run_of_a_server_is_a_run(served):
    """With its output, its reason, and times in the zone of the job."""
    found = Remote(f"{served.url}/", token=served.tokens["operate"], tenant="acme").run("tea", "fail", BERLIN)
    assert (found.job, found.outcome, found.reason) == ("fail", "failed", "by hand (ops)")
    assert found.stdout == "<script>alert(1)</script> acme\n"
    assert found.fire_time.tzinfo is BERLIN
    assert found.memory_mb is not None


REFUSED = {
    "a job that is not there": ({}, "none", "{url} refuses: the plugin 'tea' has no job 'none'"),
    "a token that may not": ({"token": "read"}, "greet", "{url} refuses: the token 'eye' has the role 'read', which"),
    "no server": ({"url": "http://127.0.0.1:1"}, "greet", "cannot reach http://127.0.0.1:1: "),
    "no server's address": ({"url": "127.0.0.1:1"}, "greet", "'127.0.0.1:1' is not the address of a server, such as"),
    "another server": ({"url": "{url}/metrics?x="}, "greet", "{url}/metrics?x= refuses: "),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_work_is_one_sentence(served, what):
    """Which server, and why."""
    given, job, sentence = REFUSED[what]
    url = given.get("url", "{url}").format(url=served.url)
    token = served.tokens[given.get("token", "operate")]
    with pytest.raises(RemoteError) as refused:
        Remote(url, token=token, tenant="acme").run("tea", job, BERLIN)
    assert str(refused.value).startswith(sentence.format(url=served.url))
    assert token not in f"{refused.value}"


def test_a_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    """And where there is none, the sentence says where to put one."""
    monkeypatch.setenv(VARIABLE, "sbh_env")
    (tmp_path / "token").write_text("sbh_file\n")
    assert (find_token(None), find_token(str(tmp_path / "token"))) == ("sbh_env", "sbh_file")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(RemoteError, match="a server needs a token: set SBH_JOBKIT_TOKEN, or name a file"):
        find_token(None)
    with pytest.raises(RemoteError, match=r"cannot read the token in '.*none': No such file or directory"):
        find_token(str(tmp_path / "none"))


@pytest.fixture
def shell():
    """Return a shell with the magics."""
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "sbh_jobkit")
    yield made
    made.run_line_magic("unload_ext", "sbh_jobkit")
    InteractiveShell.clear_instance()


def test_the_magic_runs_it(served, shell, monkeypatch):
    """`%run_job NAME --on URL` returns the run; what belongs to a simulation is refused."""
    monkeypatch.setenv(VARIABLE, served.tokens["operate"])
    shell.run_line_magic("load_plugin", str(Path(__file__).parents[1] / "data/served/tea"))
    found = shell.run_line_magic("run_job", f"link --on {served.url} --tenant acme")
    assert (found.ok, found.reason, found.files[0].key) == (True, "by hand (ops)", "a b/ä.txt")
    with pytest.raises(Exception, match="--at belongs to a simulation; leave it out with --on"):
        shell.run_line_magic("run_job", f"link --on {served.url} --at 2026-01-01")
