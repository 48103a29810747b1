"""The classifier that a run keeps: its choice and its calibration."""

from collections.abc import Mapping
from typing import Any

from suncet_jax import plugins
from suncet_jax.report import wording
from suncet_jax.report.page import (
  Column,
  Paragraph,
  Part,
  Section,
  Table,
  present,
)
from suncet_jax.report.runs import Run

_IMAGES = {"validation": "validation images", "test": "test images"}
_KEYS = ("ece_before", "ece_after")
_COLUMNS = (
  Column("images"),
  Column("error before", is_number=True),
  Column("error after", is_number=True),
)
_WORDS = (
  "Calibration error: mean gap between confidence and accuracy, in 15 bins, "
  "before and after all logits are divided by one temperature, {:.2f}, which "
  "was fitted on the validation images. The test images decided nothing."
)


def classifier_section(run: Run) -> Section | None:
  """Returns what a finished run says of its classifier; None without one."""
  about = run.result.get("classifier")
  if not isinstance(about, Mapping) or "kind" not in about:
    return None
  spec = plugins.evaluations().get(about["kind"])
  title = spec.title if spec else about["kind"]
  words = f"{title}: {about.get('chosen_by', '')}."
  use = f"suncet-jax predict classifies images with {about.get('file')}."
  return Section(
    "Classifier",
    present(Paragraph(words), *_calibration(about), Paragraph(use)),
  )


def _calibration(about: Mapping[str, Any]) -> tuple[Part | None, ...]:
  found = about.get("calibration") or {}
  rows = [
    (name, *(wording.percent(found[images][key]) for key in _KEYS))
    for images, name in _IMAGES.items()
    if images in found
  ]
  if not rows:
    words = "Not calibrated: there were no validation images."
    return (Paragraph(words, is_soft=True),)
  words = _WORDS.format(about["temperature"])
  return Table(_COLUMNS, rows), Paragraph(words, is_soft=True)
