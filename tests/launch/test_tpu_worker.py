"""launch/tpu_worker.sh on a host whose Python trains as long as wanted."""

import os
import signal
import subprocess

import pytest
import running
import training_stand_in


class _Host:
  """The home folder of a host that holds one version of the code."""

  def __init__(self, home):
    self.home = home
    self.state = home / "suncet_jax"
    self.code = self.state / "0a1b2c"
    training_stand_in.make_checkout(self.code)
    (home / "bin").mkdir()
    training_stand_in.install_python3(home / "bin")

  def start(self, *arguments):
    """Starts the script; its output comes as one text stream."""
    path = f"{self.home}/bin{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
      ["bash", self.code / "launch" / "tpu_worker.sh", *arguments],
      cwd=self.home,
      env=os.environ | {"HOME": str(self.home), "PATH": path},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      start_new_session=True,  # as sshd does
    )

  def __call__(self, *arguments):
    """Returns (exit code, output)."""
    process = self.start(*arguments)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output

  def trainings(self):
    """Returns the arguments of each training that was started."""
    return training_stand_in.recorded(self.home / "trainings")


@pytest.fixture
def host(tmp_path):
  host = _Host(tmp_path)
  yield host
  (tmp_path / "wait").unlink(missing_ok=True)  # ends a training


@pytest.fixture
def ready(host):
  assert host("setup")[0] == 0
  return host


def test_setup_installs_once(host):
  assert host("setup") == (0, "")
  assert host("setup") == (0, "")
  installed = training_stand_in.recorded(host.home / "python3")
  venv = f"{host.code}/.venv"
  assert installed == [
    ["-m", "pip", "install", "--quiet", "--user", "uv"],
    [
      *("-m", "uv", "venv", "--quiet", "--allow-existing"),
      *("--python", "3.12", venv),
    ],
    [
      *("-m", "uv", "pip", "install", "--quiet"),
      *("--python", f"{venv}/bin/python", "--editable", f"{host.code}[tpu]"),
    ],
  ]


def test_an_installation_that_failed_is_made_again(host):
  (host.home / "bin" / "python3").rename(host.home / "bin" / "kept")
  failing = host.home / "bin" / "python3"
  failing.write_text("#!/bin/sh\nexit 3\n")
  failing.chmod(0o755)
  assert host("setup")[0] == 3
  (host.home / "bin" / "kept").rename(failing)
  assert host("setup")[0] == 0
  assert len(training_stand_in.recorded(host.home / "python3")) == 3


@pytest.mark.parametrize("code", [0, 1, 134])
def test_run_shows_the_training_and_ends_as_it_does(ready, code):
  (ready.home / "code").write_text(str(code))
  assert ready("run", "--a=b c") == (code, "step 1\nthe end\n")
  assert ready.trainings() == [["-m", "suncet_jax.main", "--a=b c"]]
  assert (ready.state / "exit_code").read_text() == f"{code}\n"


def test_a_training_outlives_the_connection_and_is_found_again(ready):
  (ready.home / "wait").touch()
  first = ready.start("run", "--a=b")
  running.wait_for(first, "step 1")
  os.killpg(first.pid, signal.SIGKILL)
  first.wait()
  second = ready.start("run", "--a=b")
  running.wait_for(second, "step 1")
  (ready.home / "code").write_text("7")
  (ready.home / "wait").unlink()
  output, _ = second.communicate(timeout=60)
  assert "the end" in output
  assert second.returncode == 7
  assert len(ready.trainings()) == 1


def test_another_training_is_refused(ready):
  (ready.home / "wait").touch()
  running.wait_for(ready.start("run", "--a=b"), "step 1")
  code, output = ready("run", "--a=c")
  assert code == 2
  assert "--a=b" in output
  assert len(ready.trainings()) == 1


def test_after_a_training_comes_the_next(ready):
  (ready.home / "code").write_text("134")
  assert ready("run", "--a=b")[0] == 134
  (ready.home / "code").write_text("0")
  assert ready("run", "--a=c")[0] == 0
  assert len(ready.trainings()) == 2


def test_stop_lets_the_training_save(ready):
  (ready.home / "wait").touch()
  process = ready.start("run")
  running.wait_for(process, "step 1")
  assert ready("stop") == (0, "")
  output, _ = process.communicate(timeout=60)
  assert "saved" in output
  assert process.returncode == 0
  assert (ready.home / "wait").exists()


def test_stop_without_a_training(host):
  assert host("stop") == (0, "")


def test_a_dry_run_does_nothing(host):
  for command in ("setup", "run"):
    code, output = host("--dry-run", command)
    assert code == 0
    assert "python" in output
  assert not (host.home / "python3").exists()
  assert not (host.home / "trainings").exists()
  assert [path.name for path in host.state.iterdir()] == ["0a1b2c"]


@pytest.mark.parametrize("arguments", [(), ("walk",), ("--no", "run")])
def test_usage_errors_are_one_line(host, arguments):
  code, output = host(*arguments)
  assert code == 2
  assert output.count("\n") == 1


def test_help_names_every_command(host):
  code, output = host("--help")
  assert code == 0
  for word in ("setup", "run", "stop", "--dry-run", "--help"):
    assert f"\n  {word}" in output
