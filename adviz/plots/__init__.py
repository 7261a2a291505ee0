"""Arrays in, figures out: matplotlib for pictures, plotly for charts; nothing is shown, no global state."""

from adviz.plots.colours import heat, overlay, shared_limits
from adviz.plots.comparison import comparison_row, score_scatter
from adviz.plots.curves import precision_recall_figure, pro_figure, roc_figure
from adviz.plots.curves_static import curves_static
from adviz.plots.distillation import distillation_scheme
from adviz.plots.layers import layer_row
from adviz.plots.retrieval import neighbor_strip, patch_strip
from adviz.plots.rows import anomaly_row, anomaly_rows
from adviz.plots.scores import score_histogram, score_histogram_static, score_strip
from adviz.plots.sheet import contact_sheet
from adviz.plots.style import StaticFigure
from adviz.plots.training import loss_curve

__all__ = [
    "StaticFigure",
    "anomaly_row",
    "anomaly_rows",
    "comparison_row",
    "contact_sheet",
    "curves_static",
    "distillation_scheme",
    "heat",
    "layer_row",
    "loss_curve",
    "neighbor_strip",
    "overlay",
    "patch_strip",
    "precision_recall_figure",
    "pro_figure",
    "roc_figure",
    "score_histogram",
    "score_histogram_static",
    "score_scatter",
    "score_strip",
    "shared_limits",
]
