"""Write the published schema of head.json: python -m task_heads.training.schema."""

from __future__ import annotations

import json
from pathlib import Path

from task_heads.manifest import manifest_schema

__all__ = ["SCHEMA_FILE"]

SCHEMA_FILE = Path("docs/head-manifest.schema.json")

if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(manifest_schema(), indent=2) + "\n")
