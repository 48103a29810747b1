"""Reports: one page about a run, or a comparison of several.

Needs neither JAX nor TensorFlow, only the folders of the runs.
"""

from suncet_jax.report import _bokeh  # noqa: F401  # before the others
from suncet_jax.report.data import ReportData, load_data, save_data
from suncet_jax.report.write import write_report
from suncet_jax.workdir.metrics_csv import read_history

__all__ = [
  "ReportData",
  "load_data",
  "read_history",
  "save_data",
  "write_report",
]
