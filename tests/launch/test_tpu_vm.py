"""launch/tpu_vm.sh with a stand-in for gcloud: which commands it gives when."""

import os
import re
import shutil
import subprocess

import gcloud_stand_in
import pytest
import running
import training_stand_in
from gcloud_stand_in import NOT_FOUND, ON_HOSTS, answer

_TPU = ("--zone=us-west4-a", "--type=v5litepod-64")
_RUN = (
  "run",
  *_TPU,
  "--config=configs/imagenet.py",
  "--workdir=gs://bucket/run",
)
_MISSING = answer(code=1, err="ERROR: One or more URLs matched no objects.")
_ACTIVE, _READY = answer("ACTIVE\n"), answer("READY\n")
_SUSPENDED = answer("SUSPENDED\n")


def _answers(**further):
  """Returns the answers to a run in which all goes well."""
  return {
    "storage ls": [_MISSING, answer()],
    "queued-resources describe": [NOT_FOUND, _ACTIVE],
    "tpu-vm describe": [_READY],
  } | {key.replace("__", " "): value for key, value in further.items()}


class _Launcher:
  """launch/tpu_vm.sh, with the stand-in on PATH."""

  def __init__(self, checkout, version, folder):
    self.checkout, self.version, self.folder = checkout, version, folder
    self.gcloud = gcloud_stand_in.GcloudStandIn(folder)

  def __call__(self, *arguments, typed="", **environment):
    """Returns (exit code, output, messages)."""
    program = self.checkout / "launch" / "tpu_vm.sh"
    result = subprocess.run(
      ["bash", program, "--poll=0", *arguments],
      input=typed,
      env=self.gcloud.environment | environment,
      cwd=self.folder,
      capture_output=True,
      text=True,
      timeout=120,
    )
    return result.returncode, result.stdout, result.stderr

  def acts(self):
    """Returns in short what was done, without the questions."""
    acts = {
      "queued-resources create": "create",
      "queued-resources delete": "delete",
      "tpu-vm scp": "copy",
      "tpu_worker.sh setup": "setup",
      "tpu_worker.sh run": "run",
    }
    calls = [" ".join(call) for call in self.gcloud.calls()]
    return [act for call in calls for key, act in acts.items() if key in call]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
  folder = tmp_path_factory.mktemp("code") / "checkout"
  return folder, training_stand_in.make_checkout(folder)


@pytest.fixture
def launcher(checkout, tmp_path, monkeypatch):
  for name in ("TPU_NAME", "ZONE", "PROJECT_ID", "ACCELERATOR_TYPE"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.delenv("RUNTIME_VERSION", raising=False)
  return _Launcher(*checkout, tmp_path)


_START = ["create", "copy", "setup", "run"]


def test_run_gives_these_commands_and_no_others(launcher):
  launcher.gcloud.answers(_answers())
  code, _, _ = launcher(*_RUN, "--spot", "--name=me", "--project=mine")
  assert code == 0
  calls = launcher.gcloud.calls()
  where = ["--zone=us-west4-a", "--project=mine", "--quiet"]
  resources = ["compute", "tpus", "queued-resources"]
  vm = ["compute", "tpus", "tpu-vm"]
  folder = f"suncet_jax/{launcher.version}"
  archive = f"suncet_jax-{launcher.version}.tar.gz"
  describe = [*resources, "describe", "me", "--format=value(state.state)"]
  result = ["storage", "ls", "gs://bucket/run/result.json"]
  copied = calls[5].pop(4)
  assert os.path.basename(copied) == archive
  assert not os.path.exists(copied)
  assert calls == [
    result,
    [*describe, *where],
    [
      *resources,
      "create",
      "me",
      "--node-id=me",
      "--accelerator-type=v5litepod-64",
      "--runtime-version=v2-alpha-tpuv5-lite",
      "--spot",
      *where,
    ],
    [*describe, *where],
    [*vm, "describe", "me", "--format=value(state)", *where],
    [*vm, "scp", "me:", "--worker=all", *where],
    [
      *vm,
      "ssh",
      "me",
      "--worker=all",
      f"--command=mkdir -p {folder} && tar -xzf {archive} -C {folder} && "
      f"bash {folder}/launch/tpu_worker.sh setup",
      *where,
    ],
    [
      *vm,
      "ssh",
      "me",
      "--worker=all",
      f"--command=bash {folder}/launch/tpu_worker.sh run "
      "--config=configs/imagenet.py --workdir=gs://bucket/run",
      *where,
    ],
    result,
  ]


@pytest.mark.parametrize(
  ("accelerator", "runtime"),
  [
    ("v5litepod-8", "v2-alpha-tpuv5-lite"),
    ("v5p-8", "v2-alpha-tpuv5"),
    ("v6e-8", "v2-alpha-tpuv6e"),
    ("v4-8", "tpu-ubuntu2204-base"),
  ],
)
def test_the_software_version_is_that_of_the_type(
  launcher, accelerator, runtime
):
  launcher.gcloud.answers(_answers())
  code, _, _ = launcher("create", "--zone=here", f"--type={accelerator}")
  assert code == 0
  assert f"--runtime-version={runtime}" in launcher.gcloud.calls()[1]


def test_create_takes_the_environment(launcher):
  launcher.gcloud.answers(_answers())
  environment = {
    "TPU_NAME": "me",
    "ZONE": "here",
    "PROJECT_ID": "mine",
    "ACCELERATOR_TYPE": "v4-8",
    "RUNTIME_VERSION": "another",
  }
  code, _, _ = launcher("create", **environment)
  assert code == 0
  assert launcher.gcloud.calls()[1] == [
    "compute",
    "tpus",
    "queued-resources",
    "create",
    "me",
    "--node-id=me",
    "--accelerator-type=v4-8",
    "--runtime-version=another",
    "--zone=here",
    "--project=mine",
    "--quiet",
  ]


_LOST = [NOT_FOUND, _ACTIVE, _SUSPENDED, _SUSPENDED, NOT_FOUND, _ACTIVE]
_KEPT = [NOT_FOUND, _ACTIVE, _ACTIVE, _ACTIVE, NOT_FOUND, _ACTIVE]
_PREEMPTED = answer("PREEMPTED\n")


@pytest.mark.parametrize(
  ("resource", "node", "ending"),
  [
    (_LOST, [_READY], 255),  # the connection broke
    (_LOST, [_READY], 0),  # saved after SIGTERM
    (_KEPT, [_READY, _PREEMPTED, _PREEMPTED, _READY], 134),
    (_KEPT, [_READY, NOT_FOUND, NOT_FOUND, _READY], 1),
  ],
)
def test_after_preemption_all_is_made_again(launcher, resource, node, ending):
  launcher.gcloud.answers(
    {
      "storage ls": [_MISSING, _MISSING, answer()],
      "queued-resources describe": resource,
      "tpu-vm describe": node,
      "tpu_worker.sh run": [answer(code=ending), answer()],
    }
  )
  code, _, _ = launcher(*_RUN, "--spot")
  assert code == 0
  assert launcher.acts() == [*_START, "delete", *_START]
  deletion = next(c for c in launcher.gcloud.calls() if "delete" in c)
  assert deletion[2:] == [
    *("queued-resources", "delete", "suncet"),
    *("--force", "--zone=us-west4-a", "--quiet"),
  ]


def test_a_tpu_that_is_waited_for_is_left_alone(launcher):
  waiting = [answer("WAITING_FOR_RESOURCES\n"), answer("PROVISIONING\n")]
  offline = answer(code=1, err="ERROR: 503 Service Unavailable")
  states = [*waiting, offline, answer("SUSPENDING\n"), _ACTIVE]
  launcher.gcloud.answers(_answers() | {"queued-resources describe": states})
  code, _, messages = launcher(*_RUN)
  assert code == 0
  assert launcher.acts() == ["copy", "setup", "run"]
  assert "503" in messages


@pytest.mark.parametrize("codes", ["1\n", "2\n", "134\n1\n134\n"])
def test_a_program_that_fails_is_not_started_again(launcher, codes):
  launcher.gcloud.answers(
    _answers(storage__ls=[_MISSING])
    | {"tpu_worker.sh run": [answer(code=134)], "exit_code": [answer(codes)]}
  )
  code, _, messages = launcher(*_RUN)
  assert code == 1
  assert "the program failed" in messages
  assert launcher.acts() == _START


def test_a_training_that_only_crashes_is_given_up(launcher):
  launcher.gcloud.answers(
    _answers(storage__ls=[_MISSING])
    | {"tpu_worker.sh run": [answer(code=137)]}
    | {"exit_code": [answer("137\n")]}
  )
  code, _, messages = launcher(*_RUN)
  assert code == 1
  assert "giving up" in messages
  assert launcher.acts() == [*_START, *["run"] * 4]


def test_a_training_that_saved_goes_on(launcher):
  launcher.gcloud.answers(
    _answers(storage__ls=[_MISSING, _MISSING, answer()])
    | {"exit_code": [answer("0\n")]}
  )
  assert launcher(*_RUN)[0] == 0
  assert launcher.acts() == [*_START, "run"]


def test_a_request_that_fails_at_first_is_an_error(launcher):
  launcher.gcloud.answers(
    _answers() | {"queued-resources create": [answer(code=1, err="no quota")]}
  )
  code, _, messages = launcher(*_RUN)
  assert code == 1
  assert "no quota" in messages
  assert launcher.acts() == ["create"]


def test_a_request_that_fails_later_is_made_again(launcher):
  failed = answer("FAILED\n")
  launcher.gcloud.answers(
    {
      "storage ls": [_MISSING, _MISSING, answer()],
      "queued-resources describe": [
        *(NOT_FOUND, _ACTIVE, _SUSPENDED, _SUSPENDED, NOT_FOUND),
        *(failed, answer("failedData: stockout\n"), NOT_FOUND, _ACTIVE),
      ],
      "tpu-vm describe": [_READY],
      "tpu_worker.sh run": [answer(code=255), answer()],
    }
  )
  code, _, messages = launcher(*_RUN)
  assert code == 0
  assert "stockout" in messages
  again = ["delete", "create"]
  assert launcher.acts() == [*_START, *again, *again, "copy", "setup", "run"]


def test_a_finished_run_needs_no_tpu(launcher):
  launcher.gcloud.answers({"storage ls": [answer()]})
  code, _, messages = launcher(*_RUN)
  assert code == 0
  assert "complete" in messages
  assert len(launcher.gcloud.calls()) == 1


_FLAGS = (
  '--config.note=it\'s a "test" of $HOME, `id` & \\n; *',
  "--two\nlines",
  "",
)


@pytest.mark.parametrize(
  "arguments",
  [
    (*_RUN, "--spot"),
    (*_RUN, "--project=mine", "--", *_FLAGS),
    ("run", *_TPU, "--config=c", "--workdir=/a b", "--local-workdir"),
    ("create", *_TPU),
    ("setup", *_TPU),
    ("stop", *_TPU),
    ("fetch", "--workdir=gs://bucket/run", "--out=a folder"),
    ("fetch", *_TPU, "--workdir=/data/it's", "--local-workdir"),
    ("delete", *_TPU, "--yes"),
  ],
  ids=lambda arguments: arguments[0],
)
def test_a_dry_run_prints_what_a_run_does(launcher, arguments):
  known = {"test -e": [_MISSING, answer()]}
  launcher.gcloud.answers(_answers() | known)
  code, commands, _ = launcher("--dry-run", *arguments)
  assert code == 0
  assert launcher.gcloud.calls() == []
  assert not list(launcher.folder.glob("*.tar.gz"))

  subprocess.run(
    ["bash", "-c", commands],
    env=launcher.gcloud.environment,
    cwd=launcher.folder,
  )
  pasted = launcher.gcloud.calls()
  launcher.gcloud.answers(_answers() | known)
  code, _, _ = launcher(*arguments)
  assert code == 0
  assert pasted
  assert _without_folder(launcher.gcloud.calls()) == _without_folder(pasted)


def _without_folder(calls):
  """Cuts off where the archive lay: a real run has a folder for itself."""
  return [
    [os.path.basename(w) if w.endswith(".tar.gz") else w for w in call]
    for call in calls
  ]


def test_flags_reach_the_program_of_every_host(launcher):
  training_stand_in.install_python3(launcher.folder / "bin")
  launcher.gcloud.answers(
    _answers() | {"tpu-vm scp": [ON_HOSTS], "tpu-vm ssh": [ON_HOSTS]}
  )
  code, output, _ = launcher(*_RUN, "--", *_FLAGS)
  assert code == 0
  assert output.count("step 1") == 2
  for host in launcher.gcloud.hosts:
    assert training_stand_in.recorded(host / "trainings") == [
      [
        *("-m", "suncet_jax.main"),
        *("--config=configs/imagenet.py", "--workdir=gs://bucket/run"),
        *_FLAGS,
      ]
    ]


def test_the_error_of_one_host_ends_the_run(launcher):
  training_stand_in.install_python3(launcher.folder / "bin")
  for host, code in zip(launcher.gcloud.hosts, (134, 1), strict=True):
    (host / "code").write_text(str(code))
  launcher.gcloud.answers(
    _answers(storage__ls=[_MISSING])
    | {"tpu-vm scp": [ON_HOSTS], "tpu-vm ssh": [ON_HOSTS]}
  )
  code, _, messages = launcher(*_RUN)
  assert code == 1
  assert "the program failed" in messages
  assert launcher.acts() == _START


def test_fetch(launcher):
  launcher("fetch", "--workdir=gs://bucket/run/", "--out=here")
  files = [
    f"gs://bucket/run/{name}"
    for name in ("report.html", "result.json", "metrics.csv")
  ]
  assert launcher.gcloud.calls() == [["storage", "cp", *files, "here/"]]
  assert (launcher.folder / "here").is_dir()


def test_fetch_from_the_vm(launcher):
  launcher("fetch", *_TPU, "--workdir=/data", "--local-workdir")
  (call,) = launcher.gcloud.calls()
  files = [
    f"suncet:/data/{name}"
    for name in ("report.html", "result.json", "metrics.csv")
  ]
  where = ["--worker=0", "--zone=us-west4-a", "--quiet"]
  assert call == ["compute", "tpus", "tpu-vm", "scp", *files, "report/", *where]


@pytest.mark.parametrize(
  ("flags", "typed", "deletes"),
  [((), "y\n", 1), ((), "n\n", 0), ((), "", 0), (("--yes",), "", 1)],
)
def test_delete_asks(launcher, flags, typed, deletes):
  code, _, messages = launcher("delete", *_TPU, *flags, typed=typed)
  assert launcher.acts() == ["delete"] * deletes
  assert code == (0 if deletes else 1)
  assert ("[y/N]" in messages) != bool(flags)


def test_stop(launcher):
  launcher("stop", *_TPU)
  (call,) = launcher.gcloud.calls()
  worker = f"bash suncet_jax/{launcher.version}/launch/tpu_worker.sh"
  assert call[3:6] == ["ssh", "suncet", "--worker=all"]
  assert call[6] == f"--command={worker} stop"


@pytest.mark.parametrize(
  ("arguments", "part"),
  [
    ((), "expected run, create, setup"),
    (("runn",), "'runn'"),
    (("run", "create"), "run and create"),
    (("run", "--zone=z", "--config=c", "--workdir=gs://b/r"), "--type is"),
    (("run", "--type=t", "--config=c", "--workdir=gs://b/r"), "--zone is"),
    (("run", *_TPU, "--workdir=gs://b/r"), "--config is missing"),
    (("run", *_TPU, "--config=c"), "--workdir is missing"),
    (("run", *_TPU, "--config=c", "--workdir=/r", "--spot"), "lost with it"),
    (("run", *_TPU, "--config=c", "--workdir=r"), "expected gs://"),
    (("fetch",), "--workdir is missing"),
    (("delete",), "--zone is missing"),
    (("run", "--zone", "z"), "unknown option --zone"),
    (("create", *_TPU, "--poll=soon"), "whole seconds"),
  ],
)
def test_usage_errors_are_one_line(launcher, arguments, part):
  code, _, messages = launcher(*arguments)
  assert code == 2
  assert part in messages
  assert messages.count("\n") == 1
  assert launcher.gcloud.calls() == []


def test_without_gcloud(launcher, tmp_path):
  (tmp_path / "few").mkdir()
  for name in ("bash", "git", "dirname"):
    (tmp_path / "few" / name).symlink_to(shutil.which(name))
  code, _, messages = launcher(*_RUN, PATH=str(tmp_path / "few"))
  assert code == 1
  assert messages.startswith("Error: gcloud is missing")
  assert messages.count("\n") == 1


def test_help_names_every_option(launcher):
  code, help_text, _ = launcher("--help")
  script = (running.ROOT / "launch" / "tpu_vm.sh").read_text()
  options = re.findall(r"^    (--[a-z-]+)(?:=\*)?\)", script, re.MULTILINE)
  assert code == 0
  assert {"--name", "--spot", "--help"} <= set(options)
  for option in options:
    assert re.search(rf"^  {option}\b", help_text, re.MULTILINE), option


@pytest.mark.skipif(
  not shutil.which("shellcheck"), reason="shellcheck is missing"
)
@pytest.mark.parametrize("name", ["tpu_vm.sh", "tpu_worker.sh"])
def test_shellcheck_finds_nothing(name):
  result = subprocess.run(
    ["shellcheck", running.ROOT / "launch" / name],
    capture_output=True,
    text=True,
  )
  assert result.stdout + result.stderr == ""
  assert result.returncode == 0
