"""What is PRO? An explorer."""

from adviz.explore.pro.view import ProView, pro

__all__ = ["ProView", "pro"]
