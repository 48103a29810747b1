"""Reports for people: one page about a run, or comparing several.

Needs neither JAX nor TensorFlow, and nothing but the folders of the runs.
"""

from suncet_jax.report.data import ReportData, load_data, save_data
from suncet_jax.report.history import read_history
from suncet_jax.report.write import write_report

__all__ = [
  "ReportData",
  "load_data",
  "read_history",
  "save_data",
  "write_report",
]
