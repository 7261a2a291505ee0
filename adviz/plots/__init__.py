"""Figures of arrays: matplotlib for pictures, plotly for charts; nothing is shown by itself."""

# For other rooms
from adviz.plots.chart import Chart
from adviz.plots.colours import THRESHOLD_COLOUR as THRESHOLD_COLOUR
from adviz.plots.colours import heat, overlay, shared_limits, signed_heat
from adviz.plots.comparison import comparison_row, score_scatter
from adviz.plots.coreset import coreset_figure, coreset_size_chart
from adviz.plots.curve_chart import curves_chart
from adviz.plots.curve_sheet import curve_sheet
from adviz.plots.curves import CURVE_KINDS as CURVE_KINDS
from adviz.plots.decisions import THUMBNAILS as THUMBNAILS
from adviz.plots.decisions import Gallery as Gallery
from adviz.plots.decisions import decision_page, score_strip_static
from adviz.plots.deviations import signed, waterfall
from adviz.plots.distillation import distillation_scheme
from adviz.plots.groups import Picture, picture_groups
from adviz.plots.histograms import histogram_sheet
from adviz.plots.layers import layer_row
from adviz.plots.outlines import TRUTH_COLOUR as TRUTH_COLOUR
from adviz.plots.outlines import outlined
from adviz.plots.panels import Line, Panel, panel_grid
from adviz.plots.pro import pro_page, region_fill
from adviz.plots.retrieval import neighbor_strip, patch_strip
from adviz.plots.rows import anomaly_row, anomaly_rows
from adviz.plots.sampling import sampling_panels
from adviz.plots.scores import KIND_COLOURS as KIND_COLOURS
from adviz.plots.scores import score_histogram, score_strip
from adviz.plots.scores import strip_rows as strip_rows
from adviz.plots.sheet import contact_sheet
from adviz.plots.style import StaticFigure, curve_style
from adviz.plots.table import table_figure
from adviz.plots.training import loss_curve

__all__ = [
    "Chart",
    "Line",
    "Panel",
    "Picture",
    "StaticFigure",
    "anomaly_row",
    "anomaly_rows",
    "comparison_row",
    "contact_sheet",
    "coreset_figure",
    "coreset_size_chart",
    "curve_sheet",
    "curve_style",
    "curves_chart",
    "decision_page",
    "distillation_scheme",
    "heat",
    "histogram_sheet",
    "layer_row",
    "loss_curve",
    "neighbor_strip",
    "outlined",
    "overlay",
    "panel_grid",
    "patch_strip",
    "picture_groups",
    "pro_page",
    "region_fill",
    "sampling_panels",
    "score_histogram",
    "score_scatter",
    "score_strip",
    "score_strip_static",
    "shared_limits",
    "signed",
    "signed_heat",
    "table_figure",
    "waterfall",
]


def __dir__() -> list[str]:
    return sorted(__all__)
