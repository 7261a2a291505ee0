"""The papers' figures: the experiments that fill them, and pure drawings of their rows."""

from adviz.tables.figures.plans import FIGURES, FigurePlan, plan_figure

__all__ = ["FIGURES", "FigurePlan", "plan_figure"]
