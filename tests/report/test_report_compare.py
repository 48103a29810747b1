"""The comparison of runs and its command."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from suncet_jax import report
from suncet_jax.report.__main__ import main


def _run(folder, method, accuracies, metrics=None):
  folder.mkdir(parents=True)
  lines = ["step,epoch,images_seen,val_knn_top1"]
  lines += [f"{i},{i},{1000 * i},{a}" for i, a in enumerate(accuracies)]
  (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
  if method:
    config = {"method": {"name": method}}
    (folder / "config.json").write_text(json.dumps(config))
  if metrics:
    result = {"epochs": 3, "images_seen": 3000, "metrics": metrics}
    (folder / "result.json").write_text(json.dumps(result))
  return folder


def _colours(path):
  with Image.open(path) as image:
    counted = image.convert("RGB").getcolors(1 << 24)
  return {colour for _, colour in counted}


def test_comparison_of_finished_and_running_runs(tmp_path, capsys):
  runs = [
    _run(tmp_path / "a", "sun<cet", [0.1, 0.5, 0.9], {"knn_top1": 0.90}),
    _run(tmp_path / "b", "sun<cet", [0.1, 0.6], {"knn_top1": 0.94}),
    _run(tmp_path / "c", "simclr", [0.1, 0.4321]),
    _run(tmp_path / "d", None, []),
  ]
  out = tmp_path / "new" / "compare.html"
  assert main([*map(str, runs), f"--out={out}"]) == 0
  assert capsys.readouterr().out.strip() == str(out)
  page = out.read_text(encoding="utf-8")
  assert "sun&lt;cet" in page
  assert "sun<cet" not in page
  for text in ("90.0 %", "94.0 %", "43.2 %", "not finished", "92.0 ± 2.8 %"):
    assert text in page
  assert "http" not in page
  blue, red, green = (0x25, 0x63, 0xA8), (0xC4, 0x3D, 0x3D), (0x23, 0x87, 0x5A)
  colours = _colours(out.with_suffix(".png"))
  assert {blue, red} <= colours
  # The third group has nothing to draw.
  assert green not in colours


def test_runs_of_one_name_are_told_apart(tmp_path):
  first = _run(tmp_path / "x" / "run", None, [0.5])
  second = _run(tmp_path / "y" / "run", None, [0.6])
  out = report.write_comparison([first, second], tmp_path / "c.html")
  page = out.read_text(encoding="utf-8")
  assert str(first) in page
  assert str(second) in page


def test_no_accuracy_at_all_is_said(tmp_path):
  (tmp_path / "c.png").write_bytes(b"old")
  run = _run(tmp_path / "a", "simclr", [])
  out = report.write_comparison([run], tmp_path / "c.html")
  assert "No run has a kNN accuracy" in out.read_text(encoding="utf-8")
  assert not (tmp_path / "c.png").exists()


def test_folder_without_history_ends_with_status_2(tmp_path, capsys):
  good = _run(tmp_path / "good", "suncet", [0.5])
  bad = tmp_path / "empty_folder"
  bad.mkdir()
  out = tmp_path / "c.html"
  with pytest.raises(SystemExit) as ending:
    main([str(good), str(bad), f"--out={out}"])
  assert ending.value.code == 2
  assert f"{bad} has no metrics.csv" in capsys.readouterr().err
  assert not out.exists()


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_broken_json_is_named(tmp_path, content):
  run = _run(tmp_path / "a", "suncet", [0.5])
  (run / "config.json").write_text(content)
  with pytest.raises(ValueError, match=r"config\.json"):
    report.write_comparison([run], tmp_path / "c.html")


def test_wrong_arguments_are_refused(tmp_path):
  run = _run(tmp_path / "a", "suncet", [0.5])
  with pytest.raises(ValueError, match=r"c\.png"):
    report.write_comparison([run], tmp_path / "c.png")
  with pytest.raises(ValueError, match="at least one"):
    report.write_comparison([], tmp_path / "c.html")


def test_command_needs_neither_jax_nor_pyplot():
  """In a process of its own: this one has imported JAX already."""
  code = (
    "import sys, suncet_jax.report.__main__\n"
    "names = ['jax', 'flax', 'tensorflow', 'matplotlib.pyplot']\n"
    "print([name for name in names if name in sys.modules])"
  )
  command = [sys.executable, "-c", code]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  assert done.stdout.strip() == "[]"
