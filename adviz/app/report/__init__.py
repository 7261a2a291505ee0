"""A report: the results of detectors on a category, as one HTML file."""

from adviz.app.report.page import report

__all__ = ["report"]
