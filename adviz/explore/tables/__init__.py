"""A paper's table with the printed values and ours.

Whose missing cells a person queues by a click.
"""

from adviz.explore.tables.view import TablesView, tables

__all__ = ["TablesView", "tables"]
