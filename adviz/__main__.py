"""`python -m adviz` is the command `adviz`."""

import sys

from adviz.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
