"""What the accelerator check decides without an accelerator."""

import os
import sys
import time

import jax
import pytest

from tools.accelerator_check import plan, process, sizes, summary
from tools.accelerator_check.__main__ import main
from tools.accelerator_check.context import Absent, Context
from tools.accelerator_check.parts import loss_tests, preflight, step

_PARTS = [plan.Part("a", 10, 100), plan.Part("b", 20, 100)]


@pytest.mark.parametrize(
  ("remaining", "expected"),
  [(500, 100), (60, 40), (25, 10), (10, 10), (9.9, 0)],
)
def test_later_parts_keep_their_least(remaining, expected):
  assert plan.allotted(_PARTS[0], _PARTS[1:], remaining) == expected


def test_all_parts_get_their_least_within_eight_minutes():
  remaining = 8 * 60.0
  for number, part in enumerate(plan.PARTS):
    limit = plan.allotted(part, plan.PARTS[number + 1 :], remaining)
    assert limit >= part.least
    remaining -= limit
  assert remaining >= 0


# What makers say of a T4, an A100 of 40 GB, an H100 and an H200, of which
# JAX may take 92 %.
@pytest.mark.parametrize(
  ("gigabytes", "rows"),
  [(0, 128), (16, 128), (40, 512), (80, 1024), (141, 1024)],
)
def test_the_step_fits_into_memory(gigabytes, rows):
  assert sizes.rows_that_fit(int(0.92e9 * gigabytes)) == rows


def test_smaller_steps_end():
  assert sizes.next_smaller(1024) == 512
  assert sizes.next_smaller(128) == 0


@pytest.mark.parametrize("rows", [128, 512, 1024])
def test_fields_give_the_rows(rows):
  fields = sizes.fields_of(sizes.FULL, rows)
  labelled = (
    fields["data.labelled.classes_per_batch"]
    * fields["data.labelled.images_per_class"]
  )
  assert abs(2 * fields["data.batch_size"] + labelled - rows) == 0
  assert fields["precision"] == "bfloat16"


@pytest.mark.parametrize("rows", [64, 200])
def test_other_rows_are_refused(rows):
  with pytest.raises(ValueError, match="multiples of 64"):
    sizes.fields_of(sizes.FULL, rows)


@pytest.mark.parametrize(
  ("kind", "name"),
  [
    ("NVIDIA H100 80GB HBM3", "h100x1"),
    ("NVIDIA A100-SXM4-80GB", "a100x1"),
    ("NVIDIA H200", "h200x1"),
  ],
)
def test_a_device_has_its_name_in_the_preflight(kind, name):
  assert preflight.target_of({"devices": [{"kind": kind}]}) == name


@pytest.mark.parametrize("kind", ["cpu", "Tesla T4"])
def test_a_device_that_the_preflight_does_not_know(kind):
  with pytest.raises(Absent, match=kind):
    preflight.target_of({"devices": [{"kind": kind}]})


def test_failed_tests_are_named(tmp_path):
  report = tmp_path / "report.xml"
  report.write_text(
    "<testsuites><testsuite>"
    '<testcase classname="t" name="a"/>'
    '<testcase classname="t" name="b"><failure message="1 !=\n 2"/></testcase>'
    '<testcase classname="t" name="c"><skipped/></testcase>'
    '<testcase classname="t" name="d"><error message="gone"/></testcase>'
    "</testsuite></testsuites>"
  )
  assert loss_tests.counts(report) == {
    "passed": 1,
    "skipped": 1,
    "failed": {"t::b": "1 != 2", "t::d": "gone"},
  }


def _limited(tmp_path, code, limit):
  return process.run_limited(
    [sys.executable, "-c", code],
    limit,
    tmp_path / "log",
    tmp_path,
    {"SAID": "x"},
  )


def test_a_process_and_its_last_lines(tmp_path):
  code = "import os\nfor i in range(30): print(i, os.environ['SAID'])"
  outcome = _limited(tmp_path, code, 60)
  assert outcome.status == process.OK
  assert outcome.tail == [f"{i} x" for i in range(10, 30)]
  assert _limited(tmp_path, "raise SystemExit(3)", 60).status == process.FAILED


def test_at_the_limit_it_ends_with_all_that_it_started(tmp_path):
  code = (
    "import subprocess, time\n"
    "child = subprocess.Popen(['sleep', '600'])\n"
    "open('pid', 'w').write(str(child.pid))\n"
    "print('begun', flush=True)\n"
    "time.sleep(600)"
  )
  outcome = _limited(tmp_path, code, 3)
  assert outcome.status == process.STOPPED
  assert outcome.tail == ["begun"]
  pid = int((tmp_path / "pid").read_text())
  deadline = time.monotonic() + 30
  while _is_running(pid):
    assert time.monotonic() < deadline
    time.sleep(0.05)


def _is_running(pid):
  try:
    os.kill(pid, 0)
    with open(f"/proc/{pid}/stat") as file:
      return file.read().rpartition(")")[2].split()[0] != "Z"
  except (ProcessLookupError, FileNotFoundError):
    return False


def _steps(tmp_path, monkeypatch, fits, message="RESOURCE_EXHAUSTED: 9 GB"):
  """Runs the part on a device of 80 GB; returns the rows that were tried."""
  tried = []

  def measure(context, rows):
    tried.append(rows)
    if rows > fits:
      raise jax.errors.JaxRuntimeError(message)

  monkeypatch.setattr(step, "_measure", measure)
  monkeypatch.setattr(step, "_memory", lambda: 80 * 10**9)
  try:
    step.run(Context("step", tmp_path, "cuda", is_small=False))
  except SystemExit as end:
    if end.code == process.TRY_AGAIN:  # in a new process
      tried += _steps(tmp_path, monkeypatch, fits)
  return tried


def test_a_step_that_does_not_fit_is_halved(tmp_path, monkeypatch):
  assert _steps(tmp_path, monkeypatch, fits=256) == [1024, 512, 256]


def test_no_step_fits(tmp_path, monkeypatch):
  with pytest.raises(MemoryError, match="smallest"):
    _steps(tmp_path, monkeypatch, fits=0)


def test_another_error_of_a_step_is_its_end(tmp_path, monkeypatch):
  with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
    _steps(tmp_path, monkeypatch, fits=0, message="INTERNAL: no")


def test_a_part_gets_a_fresh_process_as_often_as_it_asks(tmp_path, monkeypatch):
  started = []

  def run_limited(command, limit, log, cwd, environment):
    started.append(command[3])
    is_again = command[3] == "step" and started.count("step") < 3
    return process.Outcome("again" if is_again else "ok", [])

  monkeypatch.setattr(
    "tools.accelerator_check.__main__.run_limited", run_limited
  )
  monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest's own stay
  assert main(["--small", f"--out={tmp_path / 'out.json'}"]) == 0
  assert started.count("step") == 3
  assert len(started) == len(plan.PARTS) + 2


def _content(**parts):
  """Returns the content of a file; parts that are not given were left out."""
  left_out = {"status": "left out", "reason": "no time was left", "facts": {}}
  told = {
    part.name: {"status": "ok", "facts": parts[part.name]}
    if part.name in parts
    else left_out
    for part in plan.PARTS
  }
  return {"parts": told, "seconds": 12.3, "minutes": 8.0}


def test_the_summary_without_any_part():
  lines = summary.summary(_content())
  assert len(lines) == 10
  assert all("left out" in line for line in lines)
  assert lines[-1].endswith("12 of 480 s")


def test_the_summary_of_times():
  ours = {"8192": {"seconds": 0.002}, "65536": {"seconds": 0.1}}
  theirs = {
    "8192": {
      "seconds": 0.004,
      "difference": 1e-7,
      "gradient_difference": 2e-6,
    },
    "65536": {"out_of_memory": True},
  }
  names = [
    f"{n} {form}" for n in ("ntxent", "suncet") for form in ("fp32", "bf16")
  ]
  lines = summary.summary(
    _content(
      losses={"times": dict.fromkeys(names, ours)},
      torch_losses={"times": {"ntxent": theirs}},
    )
  )
  assert lines[5].endswith(
    "8,192 rows: 2.00 (bf16 2.00, torch 4.00); "
    "65,536 rows: 100.00 (bf16 100.00, torch no memory)"
  )
  assert "torch -" in lines[6]
  assert "at most 1.0e-07 apart in value, 2.0e-06 in gradient" in lines[7]


def test_the_summary_of_memory_and_digests():
  step = {"peak_bytes": 70e9, "planned_bytes": 68e9}
  digits = {
    "digests": ["a", "b"],
    "is_equal": False,
    "metrics": {"knn_top1": 0.5},
  }
  lines = summary.summary(
    _content(step=step, digits=digits, preflight={"bytes": 69e9})
  )
  assert lines[4].endswith(
    "peak 70.00 GB, planned by XLA 68.00 GB, preflight: 69.00 GB"
  )
  assert lines[8].endswith("DIFFERENT parameters (a, b), kNN 50.0%")
