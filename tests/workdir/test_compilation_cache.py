"""Compiled programs are kept for all runs of a user, unless told otherwise."""

import contextlib
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import running
import tiny
from absl import logging

from suncet_jax.config import base
from suncet_jax.workdir.compilation_cache import (
  programs_kept,
  programs_of_user_kept,
  user_folder,
)
from suncet_jax.workdir.folder import RunFolder

_KEPT_IN_RUN = "Compiled programs are kept in {} only: "


@pytest.fixture
def user_cache(tmp_path, monkeypatch):
  """Sets a cache folder of the user; returns that of the programs."""
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
  return user_folder()


@pytest.fixture(autouse=True)
def all_are_worth_keeping():
  """Lifts the limit: kept is what took a moment to compile."""
  name = "jax_persistent_cache_min_compile_time_secs"
  before = getattr(jax.config, name)
  jax.config.update(name, 0.0)
  yield
  jax.config.update(name, before)


@pytest.fixture
def warnings_said(monkeypatch):
  """Returns the list of what this package will have warned of."""
  said = []
  monkeypatch.setattr(
    logging, "warning", lambda text, *values: said.append(text % values)
  )
  return said


def _compile_in(folder, **train):
  """Compiles a program in a run; returns what was found and what was kept."""
  config = base()
  config.train.update(train)
  return _compile(programs_kept(config, RunFolder(folder)))


def _compile(context):
  """Compiles a program; returns how many were found and how many kept."""
  seen = []
  jax.clear_caches()
  jax.monitoring.register_event_listener(listener := _listener(seen))
  try:
    with context:
      found = jax.jit(lambda x: jnp.sin(x) @ x.T)(2 * jnp.ones((3, 4)))
  finally:
    jax.monitoring.unregister_event_listener(listener)
  assert np.asarray(found)[0, 0] == pytest.approx(4 * 2 * 0.9092974)
  return seen.count("cache_hits"), seen.count("cache_misses")


def _listener(seen):
  return lambda event, **_: seen.append(event.rsplit("/", 1)[-1])


def _programs(folder):
  return sorted(folder.glob("jit_*-cache"))


def test_a_command_without_a_run_finds_the_programs_of_runs(
  tmp_path, user_cache
):
  _, kept = _compile_in(tmp_path / "run")
  assert _compile(programs_of_user_kept()) == (kept, 0)
  assert jax.config.jax_compilation_cache_dir is None


def test_a_command_without_a_run_does_without_a_folder(tmp_path, monkeypatch):
  (tmp_path / "file").touch()
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
  assert _compile(programs_of_user_kept()) == (0, 0)


def test_a_run_in_another_folder_compiles_nothing(tmp_path, user_cache):
  hits, kept = _compile_in(tmp_path / "first")
  assert (hits, kept) == (0, len(_programs(user_cache)))
  assert kept
  assert _compile_in(tmp_path / "second") == (kept, 0)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["user"]
  assert user_cache.stat().st_mode & 0o777 == 0o700
  assert jax.config.jax_compilation_cache_dir is None
  assert jax.config.jax_compilation_cache_max_size == -1


@pytest.mark.usefixtures("user_cache")
def test_the_number_of_cpus_makes_another_program(tmp_path, monkeypatch):
  # XLA divides loops among them and JAX's key does not know it.
  assert _compile_in(tmp_path / "first")[1]
  monkeypatch.setenv("NPROC", "77")
  hits, kept = _compile_in(tmp_path / "second")
  assert (hits, kept) == (0, len(_programs(user_folder())))
  assert "77" in user_folder().name


def test_none_if_not_wanted(tmp_path, user_cache):
  assert _compile_in(tmp_path, compilation_cache=False) == (0, 0)
  assert not list(tmp_path.iterdir())
  assert not user_cache.exists()


def test_a_cache_chosen_by_the_user_stays_in_use(tmp_path, user_cache):
  theirs = tmp_path / "theirs"
  jax.config.update("jax_compilation_cache_dir", str(theirs))
  try:
    assert _compile_in(tmp_path / "run")[1] == len(_programs(theirs))
    assert jax.config.jax_compilation_cache_dir == str(theirs)
  finally:
    jax.config.update("jax_compilation_cache_dir", None)
  assert not (tmp_path / "run").exists()
  assert not user_cache.exists()


def test_its_size_is_bounded(tmp_path, user_cache):
  _compile_in(tmp_path)
  largest = max(path.stat().st_size for path in _programs(user_cache))
  count = len(_programs(user_cache))
  jax.config.update("jax_compilation_cache_max_size", largest)
  try:
    _compile_in(tmp_path)
    for path in _programs(user_cache):
      path.unlink()  # ... so that they are written again, one by one
    _compile_in(tmp_path)
  finally:
    jax.config.update("jax_compilation_cache_max_size", -1)
  sizes = [path.stat().st_size for path in _programs(user_cache)]
  assert 0 < len(sizes) < count
  assert sum(sizes) <= largest


def test_what_a_kill_left_in_part_is_removed(
  tmp_path, user_cache, warnings_said
):
  _, count = _compile_in(tmp_path / "first")
  # JAX writes a program, then the time of its last use.
  half, *_ = _programs(user_cache)
  half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
  half.with_name(half.name.removesuffix("-cache") + "-atime").unlink()
  assert _compile_in(tmp_path / "second") == (count - 1, 1)
  assert _compile_in(tmp_path / "third") == (count, 0)
  assert not warnings_said


def test_damaged_programs_are_compiled_anew_and_told_once(
  tmp_path, user_cache, warnings_said
):
  _, count = _compile_in(tmp_path / "first")
  for path in _programs(user_cache):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
  assert count > 1
  assert _compile_in(tmp_path / "second")[0] == 0
  (told,) = warnings_said
  assert told.startswith("Error reading persistent compilation cache entry")
  assert "compiled anew" in told


def _no_home(folder, monkeypatch):
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  monkeypatch.setenv("HOME", str(folder / "nowhere"))
  return contextlib.nullcontext()


def _not_a_folder(folder, monkeypatch):
  (folder / "file").touch()
  monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
  return contextlib.nullcontext()


@contextlib.contextmanager
def _mounted(folder, options):
  disk = folder / "disk"
  disk.mkdir()
  mount = ["mount", "-t", "tmpfs", "-o", options, "none", disk]
  done = subprocess.run(mount, capture_output=True, text=True, check=False)
  if done.returncode:
    pytest.skip(f"a disk cannot be mounted: {done.stderr.strip()}")
  try:
    yield
  finally:
    subprocess.run(["umount", "--lazy", disk], check=True)


def _read_only(folder, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "disk"))
  return _mounted(folder, "ro")


def _full(folder, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "disk"))
  return _mounted(folder, "size=16k")


@pytest.mark.parametrize("place", [_no_home, _not_a_folder, _read_only, _full])
def test_without_a_folder_of_the_user_it_is_the_run_s(
  place, tmp_path, monkeypatch, capsys, warnings_said
):
  run = tmp_path / "run"
  with place(tmp_path, monkeypatch):
    _, kept = _compile_in(run)
    assert kept == len(_programs(run / "compilation_cache"))
    assert _compile_in(run) == (kept, 0)
  assert capsys.readouterr().out.count(_KEPT_IN_RUN.format(run)) == 2
  assert not (tmp_path / "nowhere").exists()
  assert not warnings_said


_COMPILES = """
import jax, sys
from suncet_jax.config import base
from suncet_jax.workdir.compilation_cache import programs_kept
from suncet_jax.workdir.folder import RunFolder
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
with programs_kept(base(), RunFolder(sys.argv[1])):
  for n in range(12):
    assert jax.jit(lambda x: x * x + n)(3) == 9 + n
print("done")
"""


def test_two_processes_write_at_once(tmp_path, user_cache):
  both = [running.start_code(_COMPILES, tmp_path / name) for name in ("a", "b")]
  for process in both:
    output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "done\n")
  count = len(_programs(user_cache))
  assert count >= 12
  code, output = running.run_code(_COMPILES, tmp_path / "c")
  assert (code, output) == (0, "done\n")
  assert len(_programs(user_cache)) == count


def test_runs_of_two_seeds_are_the_same_programs():
  programs = []
  for seed in (0, 1):
    parts = tiny.experiment(seed)
    spec = parts.batch_spec(0)
    batch = next(parts.stream.batches(range(1), spec.unlabelled, spec.labelled))
    step = parts.step_fn().lower(parts.state_template(), batch, spec, seed)
    programs.append(step.as_text())
  assert programs[0] == programs[1]
