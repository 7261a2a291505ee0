"""What the papers say in words, checked against rows."""

from adviz.tables.claims.checking import Claims, plan_claims
from adviz.tables.claims.verdicts import Checked, Verdict

__all__ = ["Checked", "Claims", "Verdict", "plan_claims"]
