"""The benchmark of input: views, opening a stream, waiting for images."""

import importlib.util

import programs
import pytest
from PIL import Image

from benchmarks.input import opening, waiting
from benchmarks.input.images import ROWS


def test_input_prints_images_per_second():
  text = programs.output(
    "benchmarks.input",
    "--rows=tiny",
    "--columns=ours_host,ours",
    "--repeats=1",
    "--extras=",
  )
  (cells,) = programs.tables(text)
  assert cells.pop("images").startswith("tiny")
  assert list(cells) == ["ours, host part only", "ours, whole"]
  assert all(
    float(c.split(" ")[0].replace(",", "")) > 0 for c in cells.values()
  )


def test_a_stream_is_opened_far_into_a_training():
  facts = opening.make(10_000, records=2000, classes=20).facts()
  assert 0 < facts["splits"] < 10
  assert 0 < facts["batch"] < 10
  assert facts["peak_before"] <= facts["peak_after"]


def test_the_share_of_waiting_is_that_of_the_time():
  lines = (
    "step,images_seen,images_per_second,input_wait_share",
    "5,50,,",
    "10,100,50,0.4",
    "15,150,12.5,0.0",
  )
  assert waiting.summary("\n".join(lines)) == pytest.approx(
    {"wait_share": 0.08, "seconds": 0.5, "rows": 10, "steps": 10}
  )


@pytest.mark.parametrize("form", ["pil", "tensor"])
def test_torchvision_makes_views_of_our_range(form):
  torch = pytest.importorskip("torch")
  if importlib.util.find_spec("torchvision") is None:
    pytest.skip("torchvision is not installed")
  from benchmarks.input import torch_jobs

  image = Image.new("RGB", (40, 30), (255, 0, 128))
  source = (
    image if form == "pil" else torch_jobs.v2.functional.pil_to_tensor(image)
  )
  view = torch_jobs.FORMS[form](ROWS["arrays_blur"].augment)(source)
  assert view.shape == (3, 32, 32)
  assert view.dtype == torch.float32
  assert 0 <= view.min() <= view.max() <= 1
