"""Let `python -m featurecast` be the same command as `featurecast`."""

from __future__ import annotations

from featurecast.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
