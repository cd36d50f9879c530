"""``python -m serein``: the command line."""

import sys

from serein.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
