"""``python -m trackd``."""

from trackd.cli import main

raise SystemExit(main())
