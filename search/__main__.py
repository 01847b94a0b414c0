"""`python -m search` is `cellsearch`."""

import sys

from search.cli import main

sys.exit(main())
