"""What several rooms' tests share: pytest's own fixture for testing plugins, and processes that may be interrupted."""

import pytest

pytest_plugins = ["pytester"]
collect_ignore = ["browser"]  # which needs a Chromium: `make browser` names it


@pytest.fixture
def unmeasured(monkeypatch):
    """Start processes without coverage, whose collector never gives back a lock that Ctrl-C meets it in."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
