"""The Dockerfile names files, extras and variants that are there."""

import re
import tomllib

import running

_TEXT = (running.ROOT / "Dockerfile").read_text()
_PROJECT = tomllib.loads((running.ROOT / "pyproject.toml").read_text())


def test_each_variant_installs_an_extra_of_the_project():
  stages = dict(
    re.findall(r'^FROM \S+ AS (\w+)\nENV EXTRA="(.*)"$', _TEXT, re.MULTILINE)
  )
  assert stages == {"cpu": "", "cuda": "[cuda]"}
  (default,) = re.findall(r"^ARG VARIANT=(\w+)$", _TEXT, re.MULTILINE)
  assert default in stages
  assert _PROJECT["project"]["optional-dependencies"]["cuda"] == [
    "jax[cuda13]>=0.10"
  ]


def test_the_builder_is_sent_what_the_wheel_needs():
  lines = (running.ROOT / ".dockerignore").read_text().splitlines()
  sent = [line.removeprefix("!") for line in lines if line.startswith("!")]
  assert all(list(running.ROOT.glob(pattern)) for pattern in sent)
  project = _PROJECT["project"]
  needed = {
    "pyproject.toml",
    "setup.py",
    "suncet_jax",
    "native",
    "configs/*.py",
  }
  needed |= {project["readme"], *project["license-files"]}
  assert needed <= set(sent)
