"""The papers' tables: what they print, the experiments that regenerate them, and both beside each other."""

from adviz.tables.book import Book
from adviz.tables.comparison import Comparison, Filled, compare
from adviz.tables.printed import NAMES, values
from adviz.tables.setting import Setting, reduced
from adviz.tables.table import Cell, Table, plan

__all__ = ["NAMES", "Book", "Cell", "Comparison", "Filled", "Setting", "Table", "compare", "plan", "reduced", "values"]
