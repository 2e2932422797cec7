"""`token` and `secrets`: who may call a server, and the key of what it keeps."""

import stat
from pathlib import Path

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines import vault
from sbh_jobkit.engines.keyring import VARIABLE, Keys, new_key
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.server import tokens

OWNER = ("acme", "tea")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command in an empty folder, and returns code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)

    def run(*words):
        code = main(words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def store(run):  # noqa: ARG001  which changes the folder
    """Open the store of that folder."""
    opened = Store.open("sqlite:///jobs.db")
    yield opened
    opened.close()


def test_tokens_come_and_go(run, store):
    """Each is printed once, found by what it is, listed by name, and opens nothing once it is removed."""
    code, made, err = run("token", "add", "Ann's laptop".replace("'", ""), "--role", "read", "--tenant", "acme")
    assert (code, err) == (0, "")
    _, other, _ = run("token", "add", "ops")
    with store.read() as connection:
        found = tokens.find(connection, made.strip())
        assert (found.name, found.role, found.tenant, found.may_operate) == ("Anns laptop", "read", "acme", False)
        assert tokens.find(connection, other.strip()).may_operate is True
        assert tokens.find(connection, "sbh_none") is None
    assert run("token", "add", "ops")[2] == (
        "sbh-jobkit: error: there is a token 'ops' already; remove it first, or take another name\n"
    )
    lines = run("token", "list")[1].splitlines()
    assert [line.rpartition("  ")[0] for line in lines] == [
        "Anns laptop  read     acme",
        "ops          operate  all tenants",
    ]
    assert made.strip() not in "".join(lines)
    assert run("token", "remove", "ops") == (0, "", "")
    with store.read() as connection:
        assert tokens.find(connection, other.strip()) is None
    assert run("token", "remove", "op")[2] == "sbh-jobkit: error: there is no token 'op'; there are Anns laptop\n"
    run("token", "remove", "Anns laptop")
    assert run("token", "list")[1] == "there is no token; sbh-jobkit token add NAME makes one\n"


def keep(store, keys, **values):
    """Write secrets."""
    with store.write() as connection:
        for name, value in values.items():
            vault.put(connection, keys, OWNER, name, value)


def test_a_key_is_replaced(run, store):
    """Every secret is encrypted with the new key, the old one opens nothing, and the file stays the owner's."""
    old = Keys.load_or_make(Path("jobs.db.key"))
    keep(store, old, A="first", B="second")
    code, out, err = run("secrets", "rotate")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "2 secrets encrypted with the new key"
    assert second.endswith("jobs.db.key has only the new key now; restart the servers of this store")
    new = Keys.load(Path("jobs.db.key"))
    assert stat.S_IMODE(Path("jobs.db.key").stat().st_mode) == 0o600
    assert (len(new.keys), new.keys == old.keys) == (1, False)
    source = vault.StoredSecrets(lambda: store, new, *OWNER)
    assert {name: source.get(name) for name in source.names()} == {"A": "first", "B": "second"}
    with store.read() as connection, pytest.raises(SettingsError) as refused:
        vault.check(connection, old)
    assert str(refused.value) == (
        "the key file 'jobs.db.key' is not the key of these secrets in the store: tea/A, tea/B; give the key that they"
        " were written with"
    )
    assert repr(new) == "<Keys of the key file 'jobs.db.key'>"


def test_a_rotation_that_was_cut_off_is_repeated(run, store):
    """Between its steps both keys stand in the file, so that everything can be read."""
    old = Keys.load_or_make(Path("jobs.db.key"))
    keep(store, old, A="first")
    Path("jobs.db.key").write_text(f"{new_key()}\n{old.keys[0]}\n")
    both = Keys.load(Path("jobs.db.key"))
    keep(store, both, B="second")
    assert run("secrets", "rotate")[0] == 0
    source = vault.StoredSecrets(lambda: store, Keys.load(Path("jobs.db.key")), *OWNER)
    assert [source.get(name) for name in ("A", "B", "C")] == ["first", "second", None]


def test_keys_of_the_environment(run, store, monkeypatch):
    """The first encrypts, all decrypt; the file is not looked at."""
    code, first, _ = run("secrets", "new-key")
    second = new_key()
    monkeypatch.setenv(VARIABLE, first.strip())
    keep(store, Keys.load(Path("none")), A="value")
    monkeypatch.setenv(VARIABLE, f"{second}, {first.strip()}")
    assert run("secrets", "rotate")[0] == code
    monkeypatch.setenv(VARIABLE, second)
    assert vault.StoredSecrets(lambda: store, Keys.load(Path("none")), *OWNER).get("A") == "value"
    assert Keys.load(Path("none"), {}) is None
    assert not Path("jobs.db.key").exists()


def test_a_secret_of_another_key_cannot_be_read(store):
    """The run that needs it says which it is."""
    keep(store, Keys([new_key()], "a"), A="value")
    with pytest.raises(SettingsError, match="b is not the key of these secrets in the store: A; give the key"):
        vault.StoredSecrets(lambda: store, Keys([new_key()], "b"), *OWNER).get("A")


def test_nothing_is_written_with_a_key_that_was_replaced(store):
    """A process that has not heard of the new key is refused: what it writes, nobody could read."""
    old, new = Keys([new_key()], "the old file"), Keys([new_key()], "a new one")
    keep(store, new, A="value")
    with store.write() as connection, pytest.raises(SettingsError) as refused:
        vault.put(connection, old, ("globex", "coffee"), "B", "lost")
    assert str(refused.value) == (
        "the old file is not the key of the secrets in the store any more; start this process again with theirs"
    )
    with store.read() as connection:
        assert vault.names_of(connection, "globex", "coffee") == []


def test_a_source_keeps_and_removes(store):
    """As a dotenv file does."""
    keys = Keys([new_key()], "here")
    source = vault.StoredSecrets(lambda: store, keys, *OWNER)
    source.put("A", "one")
    source.put("A", "two")
    source.put("B", "three")
    assert (list(source.names()), source.get("A")) == (["A", "B"], "two")
    source.remove("A")
    with store.read() as connection:
        assert vault.names_of(connection, *OWNER) == ["B"]
    assert vault.StoredSecrets(lambda: store, keys, "acme", "other").get("B") is None
