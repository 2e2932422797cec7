"""A store that moves from SQLite into PostgreSQL: every row of it arrives, or none does."""

import json

import pytest
from sqlalchemy import insert, select, update

from sbh_jobkit.engines import copying, heartbeat, identity, schema, vault
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.keyring import Keys, new_key
from sbh_jobkit.engines.packages import digest_of
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

KEY = {"tenant": "acme", "plugin": "shop", "job": "work"}
RECORD = json.dumps({"stdout": "zero \u0000, half \ud800, é, 😀"})
ELSEWHERE = "elsewhere/1:boot:7:1"
RUNS = 2_345


@pytest.fixture
def stores(sqlite_url, postgres_url):
    """Open both."""
    both = Store.open(sqlite_url), Store.open(postgres_url)
    yield both
    for store in both:
        store.close()


@pytest.fixture
def upload(tmp_path):
    """Make the folder of an upload."""
    folder = tmp_path / "jobs.db.plugins/acme/shop/1"
    folder.mkdir(parents=True)
    (folder / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    (folder / "main.py").write_text("A = 1\n")
    return folder


def fill(store, keys, upload):
    """Write something into every table that a scheduler of one machine fills."""
    runs = [{**KEY, "fire_time": n, "state": "ended", "planned_at": n, "outcome": "ok"} for n in range(3, RUNS)]
    left = {"is_cut": False, "attempt": 1, "record": RECORD, "worker": ELSEWHERE, "version": "1 (abc)"}
    runs = [{**row, **left} for row in runs]
    runs += [{**KEY, "fire_time": n, "state": "due", "planned_at": 1, "attempt": n, "is_cut": n == 2} for n in (1, 2)]
    off = {"disabled_at": 7, "disabled_by": "ann"}
    with store.write() as connection:
        for row in runs:
            connection.execute(insert(schema.job_run).values(row))
        connection.execute(insert(schema.job_mark).values(**KEY, schedule="0 * * * * UTC", planned_to=9, forgotten=2))
        plugins = [
            {"tenant": "acme", "plugin": "shop", "path": str(upload), "is_uploaded": True, "created_at": 3},
            {"tenant": "acme", "plugin": "tea", "path": "tea", "is_uploaded": False, "created_at": 3, **off},
        ]
        for row in plugins:
            connection.execute(insert(schema.plugin).values(row))
        connection.execute(insert(schema.pause).values(**KEY, paused_at=5, paused_by="ann", resumed_at=6))
        connection.execute(insert(schema.token).values(name="first", role="operate", digest="d" * 64, created_at=1))
        connection.execute(insert(schema.alert).values(**KEY, fails=True, is_late=False, seen_at=8, ok_at=4))
        vault.put(connection, keys, ("acme", "shop"), "API_KEY", "tea with milk")
        heartbeat.beat(connection, ELSEWHERE, now() - 3600)


def rows(store, table):
    """Return all rows of a table."""
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


def test_every_row_arrives_as_it_was(stores, upload):
    """Texts that are hard to write, flags, times, and secrets, which the same key reads; the upload is packed."""
    source, target = stores
    keys = Keys([new_key()], "the test")
    fill(source, keys, upload)
    counts = copying.copy(source, target)
    packed = {schema.plugin, schema.package}
    for table in set(copying.TABLES) - packed:
        assert rows(target, table) == rows(source, table), table.name
    assert counts == {table.name: len(rows(source, table)) for table in copying.TABLES} | {"sbh_package": 1}
    assert counts["sbh_job_run"] == RUNS - 1
    shop, tea = rows(target, schema.plugin)
    assert (shop[:-1], tea) == (rows(source, schema.plugin)[0][:-1], rows(source, schema.plugin)[1])
    assert shop[-1] == digest_of(upload) == rows(target, schema.package)[0][0]
    assert vault.StoredSecrets(lambda: target, keys, "acme", "shop").get("API_KEY") == "tea with milk"


def test_a_store_that_is_served_is_not_copied(stores):
    """The message says by whom."""
    source, target = stores
    with source.write() as connection:
        heartbeat.beat(connection, identity.identify(), now())
    with pytest.raises(StoreError, match=r"is served by process \d+ on .*, which was alive 0 s ago; stop it first$"):
        copying.copy(source, target)
    assert rows(target, schema.life) == []


@pytest.mark.parametrize("table", ["sbh_job_mark", "sbh_life"])
def test_a_target_with_rows_is_refused(stores, table):
    """Also where only a scheduler has begun there."""
    source, target = stores
    with target.write() as connection:
        if table == "sbh_life":
            heartbeat.beat(connection, ELSEWHERE, now())
        else:
            connection.execute(insert(schema.job_mark).values(**KEY, schedule="x", planned_to=9))
    with pytest.raises(StoreError, match=rf"is not empty: {table} has 1 rows; copy into a new database$"):
        copying.copy(source, target)


TOO_LONG = "the store .* cannot be copied, and nothing was: value too long for type character varying.200.$"


def test_what_postgresql_refuses_leaves_nothing(stores, upload):
    """A name that SQLite keeps at any length, in the last table but one, takes everything back."""
    source, target = stores
    fill(source, Keys([new_key()], "the test"), upload)
    with source.write() as connection:
        connection.execute(update(schema.token).values(name="x" * 201))
    with pytest.raises(StoreError, match=TOO_LONG):
        copying.copy(source, target)
    assert [table.name for table in copying.TABLES if rows(target, table)] == []


def test_an_upload_that_is_gone_leaves_nothing(stores, upload):
    """Workers could not fetch it."""
    source, target = stores
    fill(source, Keys([new_key()], "the test"), upload)
    (upload / "plugin.json").unlink()
    with pytest.raises(StoreError, match=r"the upload of shop at acme cannot be packed, and nothing was copied: .*"):
        copying.copy(source, target)
    assert [table.name for table in copying.TABLES if rows(target, table)] == []
