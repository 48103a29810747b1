"""The README's example runs as it stands."""

import pathlib
import re

import numpy as np


def test_the_example_runs():
  text = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
  examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
  (example,) = [code for code in examples if "losses.suncet" in code]
  names = {}
  exec(example, names)
  assert np.isfinite(names["loss"])
  assert names["gradient"].shape == (8, 128)
  assert not names["gradient"][6:].any()  # unlabelled rows have no part
