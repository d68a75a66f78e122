"""`python -m gandeblur` is the command `gandeblur`."""

import sys

from gandeblur.cli import main

sys.exit(main())
