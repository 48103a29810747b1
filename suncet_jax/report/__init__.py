"""Reports for people: one page about a run, one page comparing several.

Needs NumPy, matplotlib and scikit-learn only, no JAX and no TensorFlow, so it
also works on a laptop that holds nothing but the folder of a run.
"""

from suncet_jax.report.compare import write_comparison
from suncet_jax.report.content import ReportContent
from suncet_jax.report.embedding import embedding_map, sample_rows
from suncet_jax.report.history import read_history
from suncet_jax.report.page import write_report

__all__ = [
  "ReportContent",
  "embedding_map",
  "read_history",
  "sample_rows",
  "write_comparison",
  "write_report",
]
