from functools import partial

import pytest
import sbh_rq

from pytest_sbhjobs.engines import EngineTests


class TestRq(EngineTests):
    """All that the kit asks of an engine."""

    transactional = False
    quiet = 2.0
    period = sbh_rq.PERIOD

    @pytest.fixture
    def open_engine(self, redis_url):
        """Return what opens it."""
        return partial(sbh_rq.RqEngine, redis_url)


def test_it_is_offered_by_name(redis_url, monkeypatch):
    """`--engine rq` opens it on the Redis that the environment names."""
    monkeypatch.setenv("SBH_RQ_REDIS", redis_url)
    ((name, opens),) = sbh_rq.sbh_engines().items()
    assert (name, type(opens("postgresql://store"))) == ("rq", sbh_rq.RqEngine)
