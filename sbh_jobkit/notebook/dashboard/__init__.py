"""The dashboard of `%job_dashboard`: choose, run, simulate, scrub, look, and run again with edited code or data.

Its rooms are widgets that know nothing of each other; `dashboard.py` alone wires them. All of it works without a
kernel, too: where no event loop runs, a simulation is done when the click returns.
"""

from sbh_jobkit.errors import MagicError

try:
    from sbh_jobkit.notebook.dashboard.dashboard import Dashboard
except ModuleNotFoundError as missing:
    if missing.name not in {"anywidget", "ipywidgets"}:
        raise
    msg = f'the dashboard needs {missing.name}, which is not installed: pip install "sbh-jobkit[notebook]"'
    raise MagicError(msg) from None

__all__ = ["Dashboard"]
