"""The papers' figures: the experiments behind them, and drawings of their results."""

from adviz.tables.figures.contents import FIGURES
from adviz.tables.figures.plans import FigurePlan, plan_figure

__all__ = ["FIGURES", "FigurePlan", "plan_figure"]
