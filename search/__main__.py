"""`python -m search` is `cellsearch`."""

import sys

from search.commands.cli import main

sys.exit(main())
