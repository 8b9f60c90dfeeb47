"""Run the command as `python -m dse`."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]  # the working folder: a module of the user must not take the place of ours

from dse.commands.entry import main

sys.exit(main())
