"""A notebook without a browser: IPython's shell with the kit loaded."""

import atexit
import sys

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


class Notebook:
    """Runs cells one after the other."""

    def __init__(self, shell):
        """Take a shell."""
        self.shell = shell

    def run(self, source):
        """Run a cell and return its result; raises its error."""
        done = self.shell.run_cell(source, store_history=True)
        done.raise_error()
        return done.result

    def run_unrecorded(self, source):
        """Run a cell without history, as nbval does."""
        self.shell.run_cell(source, store_history=False).raise_error()

    def shown(self, source):
        """Run a cell that fails, and return the text that is shown."""
        with capture_output() as seen:
            done = self.shell.run_cell(source, store_history=True)
        assert not done.success
        return seen.stdout + seen.stderr

    def completed(self, line):
        """Return the completions at the end of a line."""
        with provisionalcompleter():
            return [offered.text for offered in self.shell.Completer.completions(line, len(line))]


@pytest.fixture
def plain():
    """Return a notebook without the kit."""
    main = sys.modules["__main__"]  # which a shell replaces, and processes started later need
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.displayhook.write_format_data = lambda *_: None
    yield Notebook(shell)
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main


@pytest.fixture
def notebook(plain):
    """Return a notebook with the magics loaded; they are unloaded after the test."""
    plain.run("%load_ext sbh_jobkit")
    yield plain
    plain.run("%unload_ext sbh_jobkit")
