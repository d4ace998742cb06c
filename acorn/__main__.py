import sys

from acorn.cli import main

sys.exit(main())
