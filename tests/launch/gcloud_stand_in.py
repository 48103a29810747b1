"""A stand-in for gcloud: records its arguments and answers as it was told.

The test puts it on PATH. It knows nothing of Google Cloud: what it answers to
which command is written down beforehand, in order.
"""

import json
import os
import pathlib
import subprocess
import sys

ON_HOSTS = "on hosts"  # an answer to ssh and scp: really do it, in folders


def answer(out="", *, code=0, err=""):
  """Returns what the stand-in prints and the code that it ends with."""
  return {"out": out, "code": code, "err": err}


NOT_FOUND = answer(code=1, err="ERROR: (gcloud) NOT_FOUND: no such resource")


class GcloudStandIn:
  """The stand-in in a test.

  Attributes:
    environment: That of processes which shall find it.
    hosts: Two home folders, for `ON_HOSTS`.
  """

  def __init__(self, folder):
    """Installs it in `folder`/bin."""
    self._folder = folder
    self.hosts = [folder / f"host{i}" for i in range(2)]
    for made in (folder / "bin", *self.hosts):
      made.mkdir()
    install(folder / "bin" / "gcloud", pathlib.Path(__file__).read_text())
    self.environment = os.environ | {
      "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
      "TMPDIR": str(folder),
      "STAND_IN": str(folder),
    }
    self.answers({})

  def answers(self, script):
    """Sets the answers, and forgets what was called.

    Args:
      script: Answers by a part of the command. The first part that is found
        counts; its answers come in order, the last one again and again. Where
        none is found the stand-in prints nothing and ends with 0.
    """
    (self._folder / "calls").write_text("")
    (self._folder / "script").write_text(json.dumps(script))

  def calls(self):
    """Returns the arguments of each call."""
    lines = (self._folder / "calls").read_text().splitlines()
    return [json.loads(line) for line in lines]


def install(path, code):
  """Writes a program in Python that can be started by its name."""
  path.write_text(f"#!{sys.executable} -S\n{code}")
  path.chmod(0o755)


def _main(arguments):
  folder = pathlib.Path(os.environ["STAND_IN"])
  with (folder / "calls").open("r+") as calls:
    earlier = [" ".join(json.loads(line)) for line in calls]
    calls.write(json.dumps(arguments) + "\n")
  script = json.loads((folder / "script").read_text())
  for part, answers in script.items():
    if part in " ".join(arguments):
      index = sum(part in call for call in earlier)
      return _give(answers[min(index, len(answers) - 1)], arguments)
  return 0


def _give(chosen, arguments):
  if chosen == ON_HOSTS:
    return _act_on_hosts(arguments)
  sys.stdout.write(chosen["out"])
  sys.stderr.write(chosen["err"])
  return chosen["code"]


def _act_on_hosts(arguments):
  """Copies to, or runs in, the home folder of each host."""
  homes = sorted(pathlib.Path(os.environ["STAND_IN"]).glob("host?"))
  if "scp" in arguments:
    source = pathlib.Path(arguments[arguments.index("scp") + 1])
    for home in homes:
      (home / source.name).write_bytes(source.read_bytes())
    return 0
  flag = next(word for word in arguments if word.startswith("--command="))
  command = ["bash", "-c", flag.removeprefix("--command=")]
  processes = [
    subprocess.Popen(command, cwd=home, env=os.environ | {"HOME": str(home)})
    for home in homes
  ]
  codes = [process.wait() for process in processes]
  return next((code for code in codes if code), 0)


if __name__ == "__main__":
  sys.exit(_main(sys.argv[1:]))
