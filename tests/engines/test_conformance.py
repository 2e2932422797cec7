"""The same tables of tests for all engines: those of the package, for third parties."""

from functools import partial

import pytest
import table_engine

from pytest_sbhjobs.deployments import DeploymentTests, LocalDeployment
from pytest_sbhjobs.engines import EngineTests
from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.store import Store


class TestLocal(DeploymentTests):
    """The scheduler of one machine, which has no engine: its rows are brought to nobody."""

    @pytest.fixture
    def deploy(self):
        """Return it."""
        return LocalDeployment


class TestDistributed(EngineTests):
    """Procrastinate."""

    @pytest.fixture
    def store_url(self, postgres_url):
        """Return the URL of a database with its tables."""
        store = Store.open(postgres_url)
        queue_schema.migrate(store)
        store.close()
        return postgres_url

    @pytest.fixture
    def open_engine(self, store_url):
        """Return what opens it."""
        return partial(ProcrastinateEngine, store_url)


class TestTable(EngineTests):
    """The engine that the faulty ones are made of, which has no fault."""

    quiet, period = 0.5, table_engine.PERIOD

    @pytest.fixture
    def open_engine(self, store_url):
        """Return what opens it."""
        return partial(table_engine.TableEngine, store_url)
