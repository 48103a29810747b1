"""What the report says of the classifier that a run has kept."""

import json
import re

import pytest
from report_runs import make_run

from suncet_jax.report import write_report

_ABOUT = {
  "kind": "linear",
  "chosen_by": "the best of fine-tuned, linear probe on 200 validation images",
  "temperature": 1.5,
  "file": "classifier.safetensors",
  "calibration": {
    images: {"ece_before": 0.124, "ece_after": after}
    for images, after in (("validation", 0.021), ("test", 0.033))
  },
}


def _text(folder, about):
  """Returns the text of the report of a run."""
  make_run(folder / "run", metrics={"linear_top1": 0.8})
  result = folder / "run" / "result.json"
  content = json.loads(result.read_text())
  if about is not None:
    content["classifier"] = about
  result.write_text(json.dumps(content))
  page = write_report([folder / "run"], folder / "out.html").read_text()
  page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
  return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_its_choice_and_its_calibration_are_shown(tmp_path):
  text = _text(tmp_path, _ABOUT)
  assert f"linear probe: {_ABOUT['chosen_by']}." in text
  assert "validation images 12.4 % 2.1 % test images 12.4 % 3.3 %" in text
  assert "by one temperature, 1.50," in text
  assert "suncet-jax predict classifies images with" in text


def test_without_validation_images_nothing_is_calibrated(tmp_path):
  text = _text(tmp_path, {**_ABOUT, "calibration": {}, "temperature": 1.0})
  assert "Not calibrated: there were no validation images." in text


@pytest.mark.parametrize("about", [None, {"none": "no reason."}])
def test_runs_without_one_have_no_section(tmp_path, about):
  assert "suncet-jax predict" not in _text(tmp_path, about)
