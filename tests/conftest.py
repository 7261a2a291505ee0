"""What all tests share: no progress bars, and a cache inside the checkout instead of the user's."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["ADVIZ_PROGRESS"] = "0"
os.environ.setdefault("ADVIZ_CACHE", str(REPOSITORY / ".cache" / "adviz"))
