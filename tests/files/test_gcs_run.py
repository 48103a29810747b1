"""A run whose folder is in a bucket is that of a folder on disk."""

import json
import re
import signal
import sys

import pytest
import running

from suncet_jax import report
from suncet_jax.config import base
from suncet_jax.workdir.folder import FolderError, RunFolder

_WORKDIR = "--workdir=gs://bucket/runs/small"
_OTHER_FILES = [
  "config.json",
  "evaluations.json",
  "metrics.csv",
  "report/data.npz",
  "report.html",
  "result.json",
  "series.json",
]


def _steps(bucket):
  """Returns the steps whose checkpoints are complete."""
  names = "\n".join(bucket.names("runs/small/checkpoints/"))
  complete = r"^runs/small/checkpoints/(\d+)/commit_success.txt$"
  return sorted(map(int, re.findall(complete, names, re.MULTILINE)))


def _flip_a_bit(bucket, step):
  data = bucket.names(f"runs/small/checkpoints/{step}/state/")
  largest = max(data, key=lambda name: len(bucket.read(name)))
  content = bytearray(bucket.read(largest))
  content[len(content) // 2] ^= 1
  bucket.write(largest, bytes(content))


@pytest.mark.slow
def test_an_interrupted_and_damaged_run_ends_as_on_disk(
  bucket, small_run, cache
):
  process = running.start(
    "suncet_jax.main", *running.SMALL, _WORKDIR, cache=cache
  )
  seen = running.wait_for(process, "step 10/27")
  process.send_signal(signal.SIGTERM)
  rest, _ = process.communicate(timeout=120)
  assert process.returncode == 0, seen + rest
  before, stopped = _steps(bucket)
  assert 10 <= stopped < 27
  assert "runs/small/result.json" not in bucket.names()

  _flip_a_bit(bucket, stopped)
  code, output = running.run(
    "suncet_jax.main", *running.SMALL, _WORKDIR, cache=cache
  )
  assert code == 0, output
  assert f"Going on from step {before} of 27." in output
  result = json.loads(bucket.read("runs/small/result.json"))
  expected = json.loads((small_run / "result.json").read_text())
  assert result["params_digest"] == expected["params_digest"]

  names = [n.removeprefix("runs/small/") for n in bucket.names("runs/small/")]
  assert [n for n in names if not n.startswith("checkpoints/")] == sorted(
    _OTHER_FILES
  )
  assert f"checkpoints/corrupt-{stopped}/state/_METADATA" in names
  assert _steps(bucket)[-1] == 27
  rows = bucket.read("runs/small/metrics.csv").decode().splitlines()
  assert len(rows) == len((small_run / "metrics.csv").read_text().splitlines())

  # Runs in buckets and on disk can be compared, and the page be in a bucket.
  report.write_report(
    ["gs://bucket/runs/small", small_run], "gs://bucket/runs/compared.html"
  )
  page = bucket.read("runs/compared.html").decode()
  assert "gs://bucket/runs/small" in page
  assert str(small_run) in page


def test_a_bucket_that_is_not_there_is_refused_at_once(bucket):
  folder = RunFolder("gs://no-such-bucket/run")
  with pytest.raises(FolderError, match="there is no bucket gs://no-such-buc"):
    folder.claim(base())


def test_without_googles_client_a_bucket_is_refused(bucket, monkeypatch):
  # Orbax would end with an ImportError after the first checkpoint.
  monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
  with pytest.raises(FolderError, match="pip install google-cloud-storage"):
    RunFolder("gs://bucket/run").claim(base())


def test_urls_of_other_kinds_are_refused():
  with pytest.raises(FolderError, match="such as gs://bucket/folder"):
    RunFolder("file:///tmp/run")
