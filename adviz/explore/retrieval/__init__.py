"""What was this pixel compared with? An explorer."""

from adviz.explore.retrieval.view import RetrievalView, retrieval

__all__ = ["RetrievalView", "retrieval"]
