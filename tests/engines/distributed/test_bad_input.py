"""What servers, workers and `store` refuse: one sentence, exit code 2, and nothing is half done."""

import os
import re
from itertools import count
from pathlib import Path

import psycopg
import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines import heartbeat, vault
from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.keyring import Keys, new_key
from sbh_jobkit.engines.schema import VERSION, store_version
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

COMMANDS = {
    "worker": ["worker", "--key-file", "key"],
    "serve": ["serve", "shop", "--engine", "distributed", "--port", "0", "--token-file", "token", "--key-file", "key"],
    "serve local": ["serve", "shop", "--port", "0", "--token-file", "token", "--key-file", "key"],
    "migrate": ["store", "migrate"],
    "copy": ["store", "copy", "--from", "sqlite:///jobs.db"],
}
TABLES = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename LIKE 'sbh_%' OR schemaname = 'sbh_queue'"
PASSWORD = "tea-with-milk"  # noqa: S105  of a user of the test's own server
_numbers = count(1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder with a plugin, a tenant and a key, and go there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    (tmp_path / "shop/main.py").write_text('from src.ext.sdk import job\n\n@job("work")\ndef work(ctx):\n    pass\n')
    (tmp_path / "tenant.toml").write_text('id = "acme"\n')
    (tmp_path / "key").write_text(f"{new_key()}\n")
    (tmp_path / "key").chmod(0o600)
    return tmp_path


@pytest.fixture
def owner(postgres_url):
    """Return a connection of the database's owner."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def user(postgres_url, owner):
    """Make a user without rights; return its name, and the URL with which it opens the database."""
    name = f"clerk_{os.getpid()}_{next(_numbers)}"
    owner.execute(f"CREATE USER {name} PASSWORD '{PASSWORD}'")
    yield name, re.sub("//[^@]*@", f"//{name}@", postgres_url)
    owner.execute(f"DROP OWNED BY {name}")
    owner.execute(f"DROP USER {name}")


@pytest.fixture
def shared(postgres_url):
    """Open a store for workers."""
    store = Store.open(postgres_url)
    queue_schema.migrate(store)
    yield store
    store.close()


def refused(capsys, command, url):
    """Run a command that is to be refused, and return its sentence."""
    before = set(Path().iterdir())
    code = main([*COMMANDS[command], "--store", url])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert set(Path().iterdir()) == before
    return err.removeprefix("sbh-jobkit: error: ").rstrip("\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("right", ["none", "CREATE ON SCHEMA public", "CREATE ON DATABASE"])
def test_a_user_who_may_not_make_all_tables_makes_none(capsys, owner, user, right):
    """Our tables and those of the queue are made together."""
    name, url = user
    if right != "none":
        database = owner.info.dbname if right.endswith("DATABASE") else ""
        owner.execute(f"GRANT {right} {database} TO {name}")
    what = "database " + owner.info.dbname if right.endswith("public") else "schema public"
    needs = "its user needs CREATE on the database and on its schema, and to own the tables that are there"
    assert refused(capsys, "migrate", url).endswith(f"': permission denied for {what}; {needs}")
    assert owner.execute(TABLES).fetchall() == []
    for each in (f"SCHEMA public TO {name}", f"DATABASE {owner.info.dbname} TO {name}"):
        owner.execute(f"GRANT CREATE ON {each}")
    assert main(["store", "migrate", "--store", url]) == 0


TABLE = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"


def manual_sql():
    """Return what the manual says that the user of servers and workers needs."""
    page = (Path(__file__).parents[3] / "docs/workers.md").read_text()
    (found,) = re.findall(r"```sql\n(GRANT.*?)```", page, re.DOTALL)
    return found.splitlines()


NO_TABLE = "permission denied for table sbh_store; its user needs SELECT, INSERT, UPDATE and DELETE on its tables"
MAKES = "CREATE on the database and on its schema, and to own the tables that are there"
MAY_NOT = "the user 'NAME' may not {} of the store 'URL'; let its owner type: GRANT {} {} TO \"NAME\""
RIGHTS = {
    "none": ([], f"cannot open the store 'URL': {NO_TABLE}"),
    "to read the version": (
        ["SELECT ON sbh_store"],
        MAY_NOT.format("SELECT the table sbh_alert", TABLE, "public"),
    ),
    "to read": (
        ["SELECT ON ALL TABLES IN SCHEMA public"],
        MAY_NOT.format("INSERT the table sbh_alert", TABLE, "public"),
    ),
    "but for the queue": (
        [f"{TABLE} public"],
        MAY_NOT.format("SELECT the table applied", TABLE, "sbh_queue"),
    ),
}


@pytest.mark.usefixtures("folder", "shared")
@pytest.mark.parametrize("command", ["worker", "serve", "copy", "serve local"])
@pytest.mark.parametrize("has", RIGHTS)
def test_a_user_who_may_not_write_all_tables(capsys, owner, user, command, has):
    """The sentence has what the owner has to type."""
    (name, url), (grants, says) = user, RIGHTS[has]
    for grant in grants:
        owner.execute(f"GRANT {grant} TO {name}")
    shown = url.replace("/tmp/", "%2Ftmp%2F")  # noqa: S108  as SQLAlchemy writes it
    if command == "serve local":
        if has == "but for the queue":  # which it does not need
            return
        says = says.replace("SELECT, INSERT, UPDATE and DELETE on its tables", MAKES)
    assert refused(capsys, command, url).replace(shown, "URL").replace(name, "NAME") == says
    for line in manual_sql():
        owner.execute(line.replace("TO jobs", f"TO {name}"))
    opened = queue_schema.open_shared(url)
    with opened.write() as connection:
        ready = Due(tenant="acme", plugin="shop", job="work", fire=1.0, attempt=1, ready=1.0)
        ProcrastinateEngine(opened.url).offer(connection, [ready])
    opened.close()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_store_of_a_newer_kit(capsys, shared, command):
    """It is left as it is."""
    with shared.write() as connection:
        connection.execute(store_version.update().values(version=VERSION + 1))
    said = refused(capsys, command, shared.url)
    assert f"has version {VERSION + 1}, and this kit knows {VERSION}; install the kit that wrote it" in said


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["worker", "serve", "serve local"])
def test_a_key_of_another_store(capsys, shared, command):
    """The secrets that it does not open are named, not shown."""
    with shared.write() as connection:
        vault.put(connection, Keys([new_key()], "the test"), ("acme", "shop"), "API_KEY", "a-secret-of-the-shop")
    said = refused(capsys, command, shared.url)
    assert said.endswith(
        "is not the key of these secrets in the store: shop/API_KEY; give the key that they were written with"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["worker", "serve", "serve local"])
def test_a_name_that_another_process_has(capsys, shared, command, monkeypatch):
    """It is that of a worker or a server that is alive; the sentence says which."""
    with shared.write() as connection:
        heartbeat.join(connection, "db2/1:boot:4711:1", now_in(connection), heartbeat.Role.WORKER, "night")
    monkeypatch.setitem(COMMANDS, command, [*COMMANDS[command], "--name", "night"])
    said = refused(capsys, command, shared.url)
    assert re.fullmatch(
        r"the name 'night' is taken by process 4711 on db2, which was alive \d+s ago; stop it, or choose"
        r" another --name",
        said,
    )


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 51, "é"])
def test_a_name_that_is_none(capsys, name):
    """Letters, digits and three signs."""
    assert main(["worker", f"--name={name}", "--store", "postgresql://x"]) == 2
    assert "is not a name: use up to 50 letters, digits, '.', '_' and '-'" in capsys.readouterr().err


@pytest.fixture
def with_password(owner, user):
    """Let the server ask the user for the password; return the user's URL with another one."""
    name, url = user
    path = owner.execute("SHOW hba_file").fetchone()[0]
    before = owner.execute("SELECT pg_read_file(%s)", [path]).fetchone()[0]
    copy = psycopg.sql.SQL("COPY (SELECT unnest(string_to_array({}, E'\\n'))) TO {}")
    rules = f"local all {name} scram-sha-256\nhost all {name} all scram-sha-256\n{before}"
    owner.execute(copy.format(rules, path))
    owner.execute("SELECT pg_reload_conf()")
    yield url.replace(f"//{name}@", f"//{name}:another-one@")
    owner.execute(copy.format(before, path))
    owner.execute("SELECT pg_reload_conf()")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_password(capsys, with_password, command):
    """It is shown nowhere."""
    for url in (with_password, with_password.replace(":another-one@", "@") + "&password=another-one"):
        said = refused(capsys, command, url)
        assert "password authentication failed for user" in said
        assert "another-one" not in said
        assert "***" in said


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_or_a_database_that_is_not_there(capsys, postgres_url, command):
    """What is the matter, in one line."""
    said = refused(capsys, command, "postgresql://ann:hunter2-secret@127.0.0.1:1/jobs")
    assert said.startswith("cannot open the store 'postgresql://ann:***@127.0.0.1:1/jobs': connection failed: ")
    assert "Connection refused" in said
    said = refused(capsys, command, re.sub(r"/[^/?]+\?", "/no_such_db?", postgres_url))
    assert said.endswith('database "no_such_db" does not exist')


OLD = {120_022: "12", 90_624: "9"}


@pytest.mark.parametrize("number", OLD)
def test_an_older_postgresql(shared, number):
    """By the number of its version, as the server gives it."""
    with shared.read() as connection, pytest.raises(StoreError) as said:
        queue_schema.require_version(connection, shared.shown, number)
    assert (
        str(said.value)
        == f"workers need PostgreSQL 13 or newer, and the store {shared.shown!r} is version {OLD[number]}"
    )
    with shared.read() as connection:
        queue_schema.require_version(connection, shared.shown, 130_000)
        queue_schema.require_version(connection, shared.shown)


WRONG = {
    "worker": "a worker needs a store; name it with --store postgresql://…, or set SBH_JOBKIT_STORE",
    "store copy": "store copy copies from SQLite, and --from is ''; write --from sqlite:///jobs.db, or use pg_dump"
    " between two databases of PostgreSQL",
    "store copy --from postgresql://ann:tea@h/d": "store copy copies from SQLite, and --from is"
    " 'postgresql://ann:***@h/d'; write --from sqlite:///jobs.db, or use pg_dump between two databases of PostgreSQL",
    "store copy --from sqlite:///jobs.db": "workers need a store in PostgreSQL, and 'sqlite:///jobs.db' is SQLite; name"
    " one with --store postgresql://…",
    "store migrate --from sqlite:///jobs.db": "store migrate takes no --from; store copy does",
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", WRONG)
def test_wrong_use(capsys, words):
    """One sentence, and no store is made."""
    assert main(words.split()) == 2
    assert capsys.readouterr().err == f"sbh-jobkit: error: {WRONG[words]}\n"
    assert not list(Path().glob("jobs.db*"))


@pytest.mark.usefixtures("folder")
def test_a_store_to_copy_that_is_not_there(capsys, shared):
    """It is not made."""
    assert "there is no store 'sqlite:///jobs.db'; serve makes it" in refused(capsys, "copy", shared.url)
