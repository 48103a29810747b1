"""The documents: examples, commands, the site, which asks nobody for anything.

The site is built once, strictly: a link to nowhere, a page that is not in the
navigation or a docstring that does not go with its function is an error.
"""

import doctest
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import shlex
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import running

_DOCS = running.ROOT / "docs"
_PAGES = sorted(_DOCS.rglob("*.md"))
_COMMAND = re.compile(
  r"^ {4,}(?:[A-Z_]+=\S+ )*(python (?:-m \S+|\S+\.py)(?:.*\\\n)*.*)",
  re.MULTILINE,
)
# Those with which the figures of a page were measured stand in lines of text.
_BENCHMARK = re.compile(r"`(python -m benchmarks\.[^`]+)`")
_SHARED = {
  "suncet_jax": "suncet_jax.command_line",
  "benchmarks": "benchmarks.harness.command",
}
# What a browser fetches by itself when it shows a page.
_FETCHED = re.compile(
  r"""(?:\bsrc=|<link[^>]+href=|url\(|@import )["']?(?:https?:)?//[^"')\s>]+"""
)


@pytest.mark.parametrize(
  "page",
  [pytest.param("losses.md", marks=pytest.mark.slow), "coming_from.md"],
)
def test_examples(page):
  outcome = doctest.testfile(str(_DOCS / page), module_relative=False)
  assert outcome.attempted > 0
  assert outcome.failed == 0


def test_a_run_in_plain_orbax_and_flax(tmp_path, monkeypatch, small_run):
  (tmp_path / "runs").mkdir()
  (tmp_path / "runs" / "digits").symlink_to(small_run)
  monkeypatch.chdir(tmp_path)
  page = str(_DOCS / "checkpoints.md")
  outcome = doctest.testfile(page, module_relative=False)
  assert outcome.attempted > 10
  assert outcome.failed == 0


def test_the_new_interface_of_orbax_reads_a_step(small_run):
  step = small_run / "checkpoints" / "27"
  expected = ocp.StandardCheckpointer().restore(step / "state")
  if not hasattr(ocp, "v1") or not hasattr(ocp.v1, "load"):
    assert importlib.metadata.version("orbax-checkpoint") < "0.12"
    return
  jax.tree.map(np.testing.assert_array_equal, ocp.v1.load(step), expected)
  with pytest.raises(ValueError, match="recognize"):
    ocp.v1.load(step / "state")


def _commands():
  for page in [*_PAGES, running.ROOT / "README.md"]:
    text = page.read_text()
    for match in (*_COMMAND.finditer(text), *_BENCHMARK.finditer(text)):
      command = match[1].replace("\\\n", " ")
      name = str(page.relative_to(running.ROOT))
      yield pytest.param(command, id=f"{name}: {' '.join(command.split()[:3])}")


@pytest.mark.parametrize("command", list(_commands()))
def test_commands_name_what_is_there(command):
  words = shlex.split(command.replace("$", ""), comments=True)
  program = words[2] if words[1] == "-m" else words[1]
  if words[1] != "-m":
    assert (running.ROOT / program).is_file()
  elif shared := _SHARED.get(program.split(".")[0]):
    known = _source(program) + _source(shared)
    for flag in re.findall(r"(?<= )--(\w+)(?=[= ]|$)", command):
      names = f"{flag}|{flag.removeprefix('no')}"
      assert re.search(rf'"(--)?({names})"', known), flag
  given = [word for word in words if word.startswith("--config=")]
  for config in filter(lambda word: ".py" in word, given):
    fields = _config(config.removeprefix("--config="))
    for word in words:
      if word.startswith("--config."):
        _follow(fields, word.removeprefix("--config.").split("=")[0])


@pytest.mark.parametrize(
  "page",
  [*_PAGES, running.ROOT / "README.md", running.ROOT / "CONTRIBUTING.md"],
  ids=lambda page: page.name,
)
def test_prose_and_commands_fit_into_100_columns(page):
  wide = [
    line
    for line in page.read_text().splitlines()
    # Rows of tables and pictures cannot be broken.
    if len(line) > 100 and not line.startswith(("|", "!["))
  ]
  assert not wide


def _source(module):
  spec = importlib.util.find_spec(module)
  if spec.submodule_search_locations:
    spec = importlib.util.find_spec(f"{module}.__main__")
  text = pathlib.Path(spec.origin).read_text()
  # The commands that run grids have some flags in common.
  is_grid = "suncet_jax.compare import flags" in text
  return text + (_source("suncet_jax.compare.flags") if is_grid else "")


def _config(place):
  path, _, argument = place.partition(":")
  spec = importlib.util.spec_from_file_location("config", running.ROOT / path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(re.sub(r"=seed\b", "=0", argument.rstrip(".,")))


def _follow(fields, name):
  for part in name.split("."):
    fields = fields[part]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
  folder = tmp_path_factory.mktemp("docs") / "site"
  # Not quietly: mkdocs would neither print its warnings nor count them.
  built = subprocess.run(
    [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
    cwd=running.ROOT,
    env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert built.returncode == 0, built.stdout + built.stderr
  return folder


def test_the_site_has_every_page(site):
  pages = {str(page.relative_to(_DOCS).with_suffix(".html")) for page in _PAGES}
  assert pages <= {str(page.relative_to(site)) for page in site.rglob("*.html")}


def test_the_site_asks_no_other_server(site):
  files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
  found = {
    (path.name, address)
    for path in files
    for address in _FETCHED.findall(path.read_text())
  }
  assert len(files) > len(_PAGES)
  assert not found


def test_formulas_and_drawings_are_in_the_pages(site):
  losses = (site / "losses.html").read_text()
  reference = (site / "api" / "losses.html").read_text()
  assert losses.count("<math ") >= 8
  assert reference.count("<math ") >= 8
  for text in losses, reference:
    assert "arithmatex" not in text
    assert ":math:" not in text
    assert "\\tau" not in text
  assert "<svg data-inline" in (site / "architecture.html").read_text()


def test_pages_of_folders_have_their_pictures_and_links(site):
  page = (site / "methods" / "lira.html").read_text()
  assert 'src="../images/clips.png"' in page
  assert 'href="../accelerators.html"' in page
  # What lies outside of docs/ is named alone.
  assert "../tools/crops.py" not in (site / "weights.html").read_text()


def test_the_python_interface_shows_parameters_and_examples(site):
  page = (site / "api" / "losses.html").read_text()
  for name in ("ntxent", "suncet", "supcon"):
    assert f'id="suncet_jax.losses.{name}.{name}"' in page
  text = re.sub(r"<[^>]+>", "", page)
  assert "stop_gradient_keys" in text
  assert "&gt;&gt;&gt; from suncet_jax import losses" in text
  assert "Parameters:" in text
