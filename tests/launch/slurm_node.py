"""A SLURM of one node on this machine, of this test session alone."""

import os
import re
import shutil
import subprocess
import time

import running

# By the Debian package that holds them.
_PROGRAMS = {"munge": ("munged",), "slurm-wlm": ("slurmctld", "slurmd", "srun")}
_PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"

_SETTINGS = """\
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
FirstJobId={first_job}
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""
# Files in the place of two GPUs, which a job can ask for as for real ones.
_DEVICES = """\
NodeName=localhost Name=gpu File=/dev/null
NodeName=localhost Name=gpu File=/dev/zero
"""


def what_is_missing():
  """Returns why SLURM cannot be started here, or an empty text."""
  if os.getuid():
    return "root rights: SLURM's daemons start jobs of users"
  for package, programs in _PROGRAMS.items():
    for program in programs:
      if shutil.which(program, path=_PATH) is None:
        return f"Debian package {package}: no {program}"
  return ""


class SlurmNode:
  """The daemons; a context manager that ends them."""

  def __init__(self, folder):
    """Writes the configuration into `folder`."""
    self._folder, self._daemons = folder, []
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(256))
    (folder / "munge.key").chmod(0o600)
    (folder / "gres.conf").write_text(_DEVICES)
    settings = _SETTINGS.format(
      folder=folder,
      controller_port=running.free_port(),
      node_port=running.free_port(),
      # JAX takes the port of a job from its number.
      first_job=1 + running.free_port() % 4000,
      cpus=os.cpu_count(),
    )
    (folder / "slurm.conf").write_text(settings)
    self._environment = os.environ | {
      "SLURM_CONF": str(folder / "slurm.conf"),
      "PATH": _PATH,
    }

  def __enter__(self):
    """Starts the daemons; returns once the node is free."""
    try:
      self._start_all()
    except BaseException:
      self._end_all()
      raise
    return self

  def __exit__(self, kind, error, trace):
    """Ends what still runs, jobs first."""
    try:
      self("scancel", "--full", "--signal=KILL", "--user=root")
      self("scancel", "--user=root")
      self._wait(lambda: not self("squeue", "--noheader"), "slurmctld")
    finally:
      self._end_all()

  def __call__(self, *command, cwd=None, variables=None):
    """Runs a client of SLURM; returns what it prints."""
    return subprocess.run(
      command,
      cwd=cwd,
      env=self._environment | (variables or {}),
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      timeout=60,
    ).stdout

  def job(self, number):
    """Returns the fields of a job, such as JobState and Restarts."""
    shown = self("scontrol", "show", "job", number)
    return dict(re.findall(r"(\w+)=(\S*)", shown))

  def wait_for(self, number, timeout=240, **fields):
    """Waits until fields of a job are as given; returns all of them.

    A job that is queued again is let go soon, which SLURM holds for minutes.
    """
    deadline, job = time.monotonic() + timeout, {}
    while time.monotonic() < deadline:
      job = self.job(number)
      if all(job.get(name) == value for name, value in fields.items()):
        return job
      if job.get("JobState") in ("COMPLETED", "FAILED", "CANCELLED"):
        break
      if job.get("JobState") == "PENDING":
        time.sleep(3)  # in the second of its end it would be refused
        self("scontrol", "update", f"JobId={number}", "StartTime=now")
      time.sleep(0.5)
    raise AssertionError(f"job {number} is not {fields} but {job}")

  def _start_all(self):
    own = {
      f"--{name}": self._folder / f"munge.{name.partition('-')[0]}"
      for name in ("key-file", "socket", "pid-file", "log-file", "seed-file")
    }
    # Forced, since a folder of pytest is closed to others.
    self._start(
      *("munged", "--foreground", "--force"),
      *(f"{option}={path}" for option, path in own.items()),
    )
    self._wait(own["--socket"].exists, "munged")
    self._start("slurmctld", "-D")
    self._start("slurmd", "-D", "-N", "localhost")
    self._wait(lambda: "idle" in self("sinfo", "--format=%t"), "slurmd")

  def _end_all(self):
    for daemon in reversed(self._daemons):
      daemon.terminate()
      try:
        daemon.wait(timeout=20)
      except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()

  def _start(self, *command):
    with (self._folder / f"{command[0]}.log").open("w") as log:
      self._daemons.append(
        subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
      )

  def _wait(self, is_ready, name):
    deadline = time.monotonic() + 60
    while not is_ready():
      if time.monotonic() > deadline:
        raise AssertionError((self._folder / f"{name}.log").read_text())
      time.sleep(0.1)
