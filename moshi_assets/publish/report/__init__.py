"""The report on a dataset: one static HTML page with figures, charts and a listening desk, made from its files
alone.
"""

from .write import ReportOutcome, write_report

__all__ = ["ReportOutcome", "write_report"]
