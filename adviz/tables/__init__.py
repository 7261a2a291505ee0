"""The papers' tables and figures, the experiments that regenerate them, and both compared."""

from adviz.tables import statistics
from adviz.tables.ablations import ABLATIONS, ablation
from adviz.tables.all_tables import Book
from adviz.tables.cell_results import FilledCell
from adviz.tables.claims import Checked, Claims, plan_claims
from adviz.tables.comparison import Comparison, compare
from adviz.tables.figures import FIGURES, FigurePlan, plan_figure
from adviz.tables.paper_values import NAMES, values
from adviz.tables.setting import Setting, available_setting, built_in, one_class, reduced
from adviz.tables.table import Cell, Table, plan

# isort: split
# for other rooms
from adviz.tables.layout import Layout as Layout

__all__ = [
    "ABLATIONS",
    "FIGURES",
    "NAMES",
    "Book",
    "Cell",
    "Checked",
    "Claims",
    "Comparison",
    "FigurePlan",
    "FilledCell",
    "Setting",
    "Table",
    "ablation",
    "available_setting",
    "built_in",
    "compare",
    "one_class",
    "plan",
    "plan_claims",
    "plan_figure",
    "reduced",
    "statistics",
    "values",
]


def __dir__() -> list[str]:
    return sorted(__all__)
