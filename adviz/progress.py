"""One progress bar for all long work; `ADVIZ_PROGRESS=0` switches every bar off."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any


def bar(iterable: Iterable[Any] | None = None, *, label: str, total: int | None = None) -> Any:
    """Return a tqdm bar (a widget in notebooks) over `iterable`, or one to update by hand when there is none."""
    from tqdm.auto import tqdm

    disable = os.environ.get("ADVIZ_PROGRESS") == "0"
    return tqdm(iterable, desc=label, total=total, disable=disable, leave=False, dynamic_ncols=True)
