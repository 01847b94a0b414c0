"""The command line that notes every half a second who works, not every ten."""

import sys

from search.commands import cli
from search.loop import dispatch
from workers.pools import crew

if __name__ == "__main__":
    vars(dispatch)["TELL_S"] = 0.5
    vars(crew)["LOOK_S"] = 1.0
    sys.exit(cli.main())
