"""launch/slurm.sbatch on a real SLURM of one node."""

import os
import re
import signal
import subprocess
import time

import pytest
import running
import small_run

_SCRIPT = running.ROOT / "launch" / "slurm.sbatch"
_TWO_TASKS = ("--nodes=1", "--ntasks-per-node=2", "--gpus-per-node=2")


class _Job:
  """A job of two tasks."""

  def __init__(self, slurm, folder, *flags, cache="", **variables):
    """Submits it from `folder`."""
    number = slurm(
      *("sbatch", "--parsable", *_TWO_TASKS, "--cpus-per-task=1", _SCRIPT),
      *flags,
      cwd=folder,
      variables=small_run.environment(cache) | variables,
    )
    assert number.strip().isdigit(), number
    self.number = number.strip()
    self._log = folder / f"suncet-{self.number}.out"

  def output(self):
    return self._log.read_text() if self._log.exists() else ""

  def wait_for_output(self, text, timeout=240):
    deadline = time.monotonic() + timeout
    while text not in self.output():
      assert time.monotonic() < deadline, self.output()
      time.sleep(0.1)


def _run(*arguments):
  """Runs the script without SLURM; returns (exit code, output)."""
  done = subprocess.run(
    ["bash", _SCRIPT, *arguments], capture_output=True, text=True, timeout=60
  )
  return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_job_goes_on_after_a_signal_and_after_a_killed_task(
  slurm, cache, uninterrupted, tmp_path
):
  workdir = tmp_path / "run"
  job = _Job(
    slurm, tmp_path, *small_run.FLAGS, f"--workdir={workdir}", cache=cache
  )
  job.wait_for_output("step 6/38")
  slurm("scancel", "--signal=TERM", job.number)
  slurm.wait_for(job.number, JobState="RUNNING", Restarts="1")
  job.wait_for_output("Going on from step")
  saved = re.search(r"Saved step (\d+) of 38", job.output())
  assert saved, job.output()
  assert "The training was stopped: job" in job.output()
  assert f"Going on from step {saved[1]} of 38" in job.output()

  further = int(saved[1]) + 8  # two checkpoints later
  job.wait_for_output(f"step {further}/38")
  os.kill(small_run.process_of(f"--workdir={workdir}"), signal.SIGKILL)
  slurm.wait_for(job.number, JobState="COMPLETED", Restarts="2", ExitCode="0:0")
  output = job.output()
  assert "Terminating StepId" in output  # the other task was not waited for
  assert "A task died with exit code 137: job" in output
  steps = [int(n) for n in re.findall(r"Going on from step (\d+) of", output)]
  assert steps[0] == int(saved[1]) < steps[1] <= further
  assert small_run.digest(workdir) == small_run.digest(uninterrupted[0])


def test_an_error_of_one_task_ends_the_job_with_its_exit_code(slurm, tmp_path):
  # SLURM's own exit code of the step would be that of the task that aborts.
  small_run.make_stand_in(
    tmp_path,
    """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os.abort())
if os.environ["SLURM_PROCID"] == "1":
  time.sleep(1)
  sys.exit(1)
time.sleep(60)
""",
  )
  job = _Job(slurm, tmp_path, "--workdir=run")
  slurm.wait_for(job.number, JobState="FAILED", Restarts="0", ExitCode="1:0")
  assert "failed with exit code 1; it is not started again" in job.output()


def test_a_job_that_dies_again_and_again_is_given_up(slurm, tmp_path):
  small_run.make_stand_in(tmp_path, "import os; os.kill(os.getpid(), 9)")
  job = _Job(slurm, tmp_path, "--workdir=run", MAX_RESTARTS="1")
  slurm.wait_for(job.number, JobState="FAILED", Restarts="1", ExitCode="137:0")
  assert job.output().count("A task died with exit code 137") == 2


def test_a_cancelled_job_saves_and_stays_cancelled(slurm, tmp_path):
  small_run.make_stand_in(tmp_path, small_run.SAVES)
  job = _Job(slurm, tmp_path, "--workdir=run")
  job.wait_for_output("0: ready")
  job.wait_for_output("1: ready")
  slurm("scancel", job.number)
  slurm.wait_for(job.number, JobState="CANCELLED", Restarts="0")
  job.wait_for_output("0: saved")
  job.wait_for_output("1: saved")
  assert "queued again" not in job.output()


def test_dry_run_prints_the_command_without_slurm():
  code, output = _run("--dry-run", "--config=a b.py", "--workdir=runs/x")
  assert code == 0
  command = r"python -m suncet_jax.main --config=a\ b.py --workdir=runs/x"
  assert output.startswith("srun --kill-on-bad-exit=1 ")
  assert output.rstrip().endswith(command)


def test_help_and_wrong_use():
  code, output = _run("--help")
  assert code == 0
  assert "MAX_RESTARTS" in output
  code, output = _run("--config=configs/digits.py")
  assert code == 2
  assert output == "Error: --workdir=DIR is missing; see --help.\n"
  code, output = _run("--workdir=runs/x")
  assert code == 2
  assert "start it with sbatch" in output
