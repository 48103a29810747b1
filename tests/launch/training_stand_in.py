"""A checkout with launch/, and a host whose Python is a stand-in."""

import json
import shutil
import subprocess

import gcloud_stand_in
import running

# Records its arguments; trains as long as the file `wait` is in its home.
_TRAINING = """
import json, pathlib, signal, sys, time
home = pathlib.Path.home()
with (home / "trainings").open("a") as file:
  file.write(json.dumps(sys.argv[1:]) + "\\n")
def save(*_):
  print("saved", flush=True)
  sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("step 1", flush=True)
while (home / "wait").exists():
  time.sleep(0.02)
print("the end", flush=True)
code = home / "code"
sys.exit(int(code.read_text()) if code.exists() else 0)
"""

# Records its arguments; `uv venv FOLDER` makes one with the training above.
_PYTHON3 = f"""
import json, pathlib, sys
arguments = sys.argv[1:]
with (pathlib.Path.home() / "python3").open("a") as file:
  file.write(json.dumps(arguments) + "\\n")
if "venv" in arguments:
  program = pathlib.Path(arguments[-1]) / "bin" / "python"
  program.parent.mkdir(parents=True)
  program.write_text("#!{gcloud_stand_in.sys.executable} -S\\n" + {_TRAINING!r})
  program.chmod(0o755)
"""


def install_python3(folder):
  """Puts a python3 there that installs nothing."""
  gcloud_stand_in.install(folder / "python3", _PYTHON3)


def make_checkout(folder):
  """Makes a git checkout that holds launch/; returns its version."""
  shutil.copytree(running.ROOT / "launch", folder / "launch")
  for command in (
    ["init", "--quiet"],
    ["add", "."],
    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "A"],
  ):
    subprocess.run(["git", *command], cwd=folder, check=True)
  head = ["git", "rev-parse", "--short=12", "HEAD"]
  return subprocess.check_output(head, cwd=folder, text=True).strip()


def recorded(path):
  """Returns the arguments of each start that was recorded in a file."""
  return [json.loads(line) for line in path.read_text().splitlines()]
