"""Detectors as files: what each has learned as arrays, and back."""
