"""`sbh-jobkit stubs`: types of the SDK, for type checkers and editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.check.subject import extension_services
from sbh_jobkit.project.stubs import write_stubs

if TYPE_CHECKING:
    from argparse import Namespace


def stubs(options: Namespace) -> bool:
    """Write the stub, with the services of installed extensions, and print its path."""
    print(write_stubs(Path(options.directory), extension_services()))
    return True
