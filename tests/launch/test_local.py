"""launch/local.py: runs of two processes on this machine."""

import os
import re
import signal
import subprocess
import sys

import pytest
import running
import small_run


def _end(process, timeout=240):
  output, _ = process.communicate(timeout=timeout)
  return process.returncode, output


@pytest.mark.slow
def test_two_processes_train_to_the_end(uninterrupted):
  workdir, output = uninterrupted
  assert small_run.digest(workdir)
  assert "[0] step 38/38" in output
  assert "Gloo" not in output
  assert "step" not in " ".join(re.findall(r"^\[1\].*", output, re.M))


@pytest.mark.slow
def test_a_run_goes_on_after_a_killed_process(uninterrupted, cache, tmp_path):
  workdir = tmp_path / "run"
  launcher = small_run.start_local(
    *("--processes=2", "--devices=1", "--"),
    *small_run.FLAGS,
    f"--workdir={workdir}",
    cache=cache,
  )
  running.wait_for(launcher, "step 14/38", timeout=240)
  victim = small_run.process_of(f"--workdir={workdir}", "--process_id=1")
  os.kill(victim, signal.SIGKILL)
  code, output = _end(launcher)
  assert code == 0, output
  assert "process 1 was ended by SIGKILL" in output
  assert "(restart 1 of 3)" in output
  again = re.search(r"Going on from step (\d+) of 38", output)
  assert again, output
  assert 0 < int(again[1]) <= 38
  assert small_run.digest(workdir) == small_run.digest(uninterrupted[0])


def test_sigterm_is_passed_on_and_waited_for(tmp_path):
  small_run.make_stand_in(tmp_path, small_run.SAVES)
  launcher = small_run.start_local(cwd=tmp_path)
  seen = ""
  while seen.count("ready") < 2:
    seen += running.wait_for(launcher, "ready")
  launcher.send_signal(signal.SIGTERM)
  code, output = _end(launcher)
  assert code == 0, output
  assert sorted(output.split("\n")) == ["", "[0] saved", "[1] saved"]


def test_a_wrong_configuration_is_not_tried_again(tmp_path):
  code, output = _end(
    small_run.start_local(
      "--",
      f"--config={running.ROOT}/configs/digits.py:epochs=-1",
      f"--workdir={tmp_path}/run",
    )
  )
  assert code == 2, output
  assert "Error: " in output
  assert "restart" not in output


@pytest.mark.parametrize(
  ("end", "code", "starts"), [("os._exit(1)", 1, 1), ("os.abort()", 134, 2)]
)
def test_the_others_end_with_one_and_only_the_dead_come_back(
  tmp_path, end, code, starts
):
  small_run.make_stand_in(
    tmp_path,
    f"""
import os, signal, sys, time
if "--process_id=1" in sys.argv:
  while not os.path.exists("waits"):
    time.sleep(0.02)
  os.remove("waits")
  {end}
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as JAX: no end for others
print("waits", flush=True)
open("waits", "w").close()
time.sleep(300)
""",
  )
  launcher = small_run.start_local(
    "--restarts=1", cwd=tmp_path, in_a_hurry=True
  )
  ended, output = _end(launcher)
  assert ended == code, output
  assert output.count("[0] waits") == starts


def test_dry_run_prints_commands_for_a_shell(tmp_path):
  code, output = _end(
    small_run.start_local(
      *("--processes=2", "--devices=3", "--dry-run", "--"),
      "--config=a b.py",
      f"--workdir={tmp_path}/run",
    )
  )
  assert code == 0
  first, second = output.splitlines()
  assert first.replace("--process_id=0", "--process_id=1") == second
  assert first.startswith("JAX_PLATFORMS=cpu JAX_NUM_CPU_DEVICES=3 ")
  assert "'--config=a b.py'" in first
  assert not list(tmp_path.iterdir())
  # It is a command: of a configuration that does not exist.
  ended = subprocess.run(["sh", "-c", first], capture_output=True, text=True)
  assert ended.returncode == 2
  assert "a b.py" in ended.stderr
  assert sys.executable in first


@pytest.mark.parametrize(
  ("redirections", "stream"), [("", "stdout"), (">&-", "stderr")]
)
def test_lines_that_the_terminal_cannot_show(tmp_path, redirections, stream):
  small_run.make_stand_in(
    tmp_path, "import os; os.write(1, 'K\\u00e4fer\\n'.encode())"
  )
  script = running.ROOT / "launch" / "local.py"
  line = f'"$0" "$1" --processes=1 {redirections}'
  ended = subprocess.run(
    ["sh", "-c", line, sys.executable, script],
    cwd=tmp_path,
    env=os.environ | {"PYTHONIOENCODING": "ascii"},
    capture_output=True,
    text=True,
  )
  assert ended.returncode == 0, ended.stderr
  assert getattr(ended, stream) == "[0] K\\xe4fer\n"


def test_wrong_options_are_refused():
  code, output = _end(small_run.start_local("--processes=0"))
  assert code == 2
  assert "expected at least 1, got 0" in output
