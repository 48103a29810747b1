"""Compiled programs are kept in the run's folder, unless told otherwise."""

import jax
import jax.numpy as jnp
import pytest
import tiny

from suncet_jax.config import base
from suncet_jax.workdir.compilation_cache import programs_kept
from suncet_jax.workdir.folder import RunFolder


@pytest.fixture
def all_are_worth_keeping():
  """Lifts JAX's limit: it keeps what took a second to compile."""
  name = "jax_persistent_cache_min_compile_time_secs"
  before = getattr(jax.config, name)
  jax.config.update(name, 0.0)
  yield
  jax.config.update(name, before)


def _compile_in(folder, **train):
  config = base()
  config.train.update(train)
  with programs_kept(config, RunFolder(folder)):
    jax.jit(lambda x: jnp.sin(x) @ x.T)(jnp.ones((3, 4)))


@pytest.mark.usefixtures("all_are_worth_keeping")
def test_each_run_has_its_own(tmp_path):
  for name in ("first", "second"):
    _compile_in(tmp_path / name)
    assert list((tmp_path / name / "compilation_cache").iterdir())
  assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.usefixtures("all_are_worth_keeping")
def test_none_if_not_wanted(tmp_path):
  _compile_in(tmp_path, compilation_cache=False)
  assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("all_are_worth_keeping")
def test_a_cache_of_the_user_stays_in_use(tmp_path):
  jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
  try:
    _compile_in(tmp_path / "run")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "theirs")
  finally:
    jax.config.update("jax_compilation_cache_dir", None)
  assert not (tmp_path / "run").exists()


def test_runs_of_two_seeds_are_the_same_programs():
  programs = []
  for seed in (0, 1):
    parts = tiny.experiment(seed)
    spec = parts.batch_spec(0)
    batch = next(parts.stream.batches(range(1), spec.unlabelled, spec.labelled))
    step = parts.step_fn().lower(parts.state_template(), batch, spec, seed)
    programs.append(step.as_text())
  assert programs[0] == programs[1]
