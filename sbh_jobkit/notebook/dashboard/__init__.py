"""The dashboard of `%job_dashboard`: run and simulate jobs, look at each run, and repeat it with other code or data.

Each module but `dashboard.py` defines one part of the screen and knows nothing of the others; `dashboard.py` connects
them. Without an event loop, as in a script, a click returns when its work is done.
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
