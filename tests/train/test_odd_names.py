"""Runs on files, classes and folders whose names are not UTF-8."""

import json
import os

import pytest
import running
from image_folders import write

_SMALL = (
  "--config.model.name=resnet8",
  "--config.model.stem=cifar_stride2",
  "--config.model.head.hidden=16",
  "--config.evals.every_epochs=0.0",
  "--config.evals.final=('knn',)",
)


@pytest.mark.slow
def test_a_run_on_names_that_are_not_utf8(tmp_path, cache):
  place = os.path.join(tmp_path, os.fsdecode(b"d\xe4ta"))
  for part, count in (("train", 10), ("test", 2)):
    for name in (b"K\xe4fer", b"K\xe4fer and ant"):
      write(
        place,
        *(b"%s/%s/\xff%d.png" % (part.encode(), name, i) for i in range(count)),
      )
  config = (
    f"--config={running.ROOT}/configs/folder.py:train={place}/train,"
    f"test={place}/test,size=8,batch=8,epochs=1,validation=0"
  )
  code, output = running.run("suncet_jax.check", config, *_SMALL)
  assert code == 0, output
  assert "K\\xe4fer and ant" in output
  flags = (config, *_SMALL, f"--workdir={tmp_path}/run")
  code, output = running.run("suncet_jax.main", *flags, cache=cache)
  assert code == 0, output
  assert "Traceback" not in output
  run = tmp_path / "run"
  page = (run / "report.html").read_text("utf-8")
  assert "K\\xe4fer and ant" in page
  stored = json.loads((run / "config.json").read_text())
  assert stored["data"]["train"] == f"{place}/train"
  (run / "result.json").unlink()
  code, output = running.run("suncet_jax.main", *flags, cache=cache)
  assert code == 0, output
  assert "Going on from step 2 of 2" in output
  code, output = running.run(
    "suncet_jax.report", str(run), f"--out={tmp_path}/page.html"
  )
  assert code == 0, output
  assert "K\\xe4fer and ant" in (tmp_path / "page.html").read_text("utf-8")
