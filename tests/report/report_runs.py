"""Folders of runs made up for the tests of reports."""

import json
import math

import numpy as np

from suncet_jax import report

# Names that would break a page which does not escape them.
NAMES = ("<script>alert(1)</script>", "自己教師", "$x_{")


def data(seed=0, **changes):
  """Returns what a finished run of three classes keeps."""
  generator = np.random.default_rng(seed)
  labels = np.arange(60) % 3
  predictions = labels.copy()
  predictions[:6] = 2

  def images(*shape):
    return generator.integers(0, 256, (*shape, 8, 8, 3), dtype=np.uint8)

  arrays = {
    "command": "python -m suncet_jax.main --workdir='<here>'",
    "class_names": list(NAMES),
    "labels": labels,
    "predictions": predictions,
    "predicted_by": "linear probe",
    "mapped": np.arange(0, 60, 2),
    "positions": generator.normal(size=(30, 2)).astype(np.float32),
    "thumbnails": images(30),
    "neighbours": images(3, 4),
    "neighbour_labels": np.array([[0, 0, 1, 0], [1, 1, 1, -1], [2, 9, 2, 2]]),
    "views": images(2, 3),
    "view_titles": ["image", "view <1>", "view 2"],
    "drawn": images(2, 3),
    "drawn_titles": ["generator <1>", "bad generator 1"],
    "heard": images(2, 3),
    "heard_titles": ["frame 1", "heard, frame 1", "heard, <frame> 4"],
  }
  return report.ReportData(**(arrays | changes))


def history(rows=130):
  """Returns lines of a metrics.csv, its header first."""
  lines = [
    "step,epoch,images_seen,flops,seconds,loss,ntxent,suncet,learning_rate,"
    "gradient_norm,skipped,images_per_second,input_wait_share,val_knn_top1,own"
  ]
  for i in range(rows):
    knn = f"{0.5 + i / 1000}" if i % 10 == 0 else ""
    loss = "nan" if i == 3 else f"{3 / (1 + i)}"
    lines.append(
      f"{10 * i},{i / 4},{640 * i},{i * 1e12},{i * 2.0},{loss},{2 / (1 + i)},"
      f"{1 / (1 + i)},0.1,{math.exp(-i / 20)},{i // 100},{1000 + i},0.02,"
      f"{knn},7"
    )
  return lines


def make_run(folder, *, method="suncet", seed=0, metrics=None, **parts):
  """Makes the folder of a run; finished if it has metrics.

  Args:
    folder: where.
    method: None for a run without config.json.
    seed: in its config.
    metrics: final accuracies.
    **parts: "lines" of metrics.csv, "config" to add, "kept" ReportData.

  Returns:
    `folder`.
  """
  folder.mkdir(parents=True)
  lines = parts.get("lines", history())
  (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
  if method:
    config = {"seed": seed, "method": {"name": method}}
    config |= {"data": {"source": "digits"}} | parts.get("config", {})
    (folder / "config.json").write_text(json.dumps(config))
  if metrics:
    result = {"step": 1290, "epochs": 32.25, "images_seen": 1281167}
    result |= {"seconds": 4325.0, "flops": 2.5e15, "metrics": metrics}
    (folder / "result.json").write_text(json.dumps(result))
  if "kept" in parts:
    report.save_data(folder, parts["kept"])
  return folder
