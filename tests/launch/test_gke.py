"""launch/gke.yaml: its fields, its flags, and how its program ends."""

import math
import os
import re
import signal
import subprocess
import sys

import pytest
import running
import yaml

_TEXT = (running.ROOT / "launch" / "gke.yaml").read_text()
_JOB_SET = yaml.safe_load(_TEXT)
(_HOSTS,) = _JOB_SET["spec"]["replicatedJobs"]
_JOB = _HOSTS["template"]["spec"]
_POD = _JOB["template"]["spec"]
(_CONTAINER,) = _POD["containers"]


def test_the_hosts_are_those_of_the_topology():
  labels = _POD["nodeSelector"]
  topology = labels["cloud.google.com/gke-tpu-topology"]
  chips = math.prod(map(int, topology.split("x")))
  per_host = _CONTAINER["resources"]["limits"]["google.com/tpu"]
  assert _JOB["completions"] == _JOB["parallelism"] == chips // per_host > 1
  assert _JOB["completionMode"] == "Indexed"
  assert _HOSTS["replicas"] == 1


def test_a_lost_host_starts_all_hosts_again():
  assert _JOB_SET["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
  assert _JOB_SET["spec"]["failurePolicy"]["maxRestarts"] > 0
  assert _JOB["backoffLimit"] == 0
  assert _POD["restartPolicy"] == "Never"
  assert _POD["terminationGracePeriodSeconds"] >= 60


def test_a_faulty_command_ends_the_job():
  (pods,) = _JOB["podFailurePolicy"]["rules"]
  assert pods["action"] == "FailJob"
  assert pods["onExitCodes"] == {"operator": "In", "values": [2]}
  (jobs,) = _JOB_SET["spec"]["failurePolicy"]["rules"]
  assert re.fullmatch("[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", jobs["name"])
  assert jobs["action"] == "FailJobSet"
  assert jobs["onJobFailureReasons"] == ["PodFailurePolicy"]


def _expanded(arguments, **known):
  """Replaces $(NAME), as Kubernetes does in the arguments of a container."""
  known |= {entry["name"]: entry["value"] for entry in _CONTAINER["env"]}
  return [
    re.sub(r"\$\((\w+)\)", lambda match: known[match[1]], argument)
    for argument in arguments
  ]


_PARSE = """
import sys
from absl import flags
from suncet_jax import command_line, main

arguments = command_line.parse_flags(["main", *sys.argv[1:]])
config = command_line.checked_config(command_line.define_config_flag())
print(command_line.checked_workdir(arguments))
print(config.data.data_dir, config.data.batch_size)
labelled = config.data.labelled
print(labelled.classes_per_batch * labelled.images_per_class)
given = flags.FLAGS
print(given.coordinator, given.process_count, given.process_id)
"""


def _parsed(flags, monkeypatch):
  """Returns what main makes of the flags, from the root of the repository."""
  monkeypatch.chdir(running.ROOT)
  code, output = running.run_code(_PARSE, *flags)
  assert code == 0, output
  return output.splitlines()


def test_main_accepts_the_flags(monkeypatch):
  workdir, data, labelled, processes = _parsed(
    _expanded(_CONTAINER["args"]), monkeypatch
  )
  assert workdir == "gs://BUCKET/runs/imagenet"
  folder, batch_size = data.split()
  assert folder == "gs://BUCKET/tensorflow_datasets"
  chips = (
    _JOB["completions"] * _CONTAINER["resources"]["limits"]["google.com/tpu"]
  )
  assert int(batch_size) % chips == int(labelled) % chips == 0
  assert processes == "None None None"  # found by JAX on a TPU


def test_main_accepts_the_flags_for_gpu_nodes(monkeypatch):
  flags = re.findall(r"^# +- (--\S+)$", _TEXT, re.MULTILINE)
  arguments = [*_CONTAINER["args"], *flags]
  *_, processes = _parsed(
    _expanded(arguments, JOB_COMPLETION_INDEX="3"), monkeypatch
  )
  first = f"{_JOB_SET['metadata']['name']}-{_HOSTS['name']}-0-0"
  domain = _JOB_SET["metadata"]["name"]
  assert processes == f"{first}.{domain}:8476 {_JOB['completions']} 3"


def test_the_configuration_is_in_the_repository():
  (flag,) = [a for a in _CONTAINER["args"] if a.startswith("--config=")]
  path = flag.removeprefix("--config=").partition(":")[0]
  assert (running.ROOT / path).is_file()


# Instead of the package, in the working directory: ends as it is told.
_TRAINING = """
import os, pathlib, signal, sys, time

def save(*_):
  print("saved", flush=True)
  sys.exit(0)

signal.signal(signal.SIGTERM, save)
print(*sys.argv[1:], flush=True)
code = sys.argv[1]
if code == "wait":
  time.sleep(60)
if code == "finish":
  pathlib.Path(os.environ["WORKDIR"], "result.json").touch()
elif int(code) < 0:
  os.kill(os.getpid(), -int(code))
else:
  sys.exit(int(code))
"""


@pytest.fixture
def pod(tmp_path):
  """Returns a function that starts the container's command."""
  (tmp_path / "suncet_jax").mkdir()
  (tmp_path / "suncet_jax" / "main.py").write_text(_TRAINING)
  program, *arguments = _CONTAINER["command"]
  assert program == "python"

  def start(*flags, index):
    return subprocess.Popen(
      [sys.executable, *arguments, *flags],
      cwd=tmp_path,
      env=os.environ
      | {"WORKDIR": str(tmp_path), "JOB_COMPLETION_INDEX": str(index)},
      stdout=subprocess.PIPE,
      text=True,
    )

  return start


@pytest.mark.parametrize(
  ("ending", "index", "code"),
  [
    ("finish", 0, 0),
    ("0", 0, 75),  # saved after SIGTERM, not finished: start again
    ("0", 5, 0),  # one host has the say
    ("1", 0, 1),
    ("2", 5, 2),
    ("-6", 5, 134),  # JAX aborts when it misses another host
  ],
)
def test_only_a_finished_run_ends_with_0(pod, ending, index, code):
  process = pod(ending, "--a=b c", index=index)
  output, _ = process.communicate(timeout=60)
  assert output == f"{ending} --a=b c\n"
  assert process.returncode == code


def test_sigterm_reaches_the_program(pod):
  process = pod("wait", index=0)
  running.wait_for(process, "wait")
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=60)
  assert output == "saved\n"
  assert process.returncode == 75
