"""`python -m sbh_jobkit` is `sbh-jobkit`."""

import sys

from sbh_jobkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
