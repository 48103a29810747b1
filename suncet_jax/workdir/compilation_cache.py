"""Compiled programs, kept in a run's folder: resumed runs start sooner."""

import contextlib
from collections.abc import Iterator

import jax
from jax.experimental.compilation_cache import compilation_cache
from ml_collections import ConfigDict

from suncet_jax.files.paths import expanded
from suncet_jax.workdir.folder import RunFolder


@contextlib.contextmanager
def programs_kept(config: ConfigDict, folder: RunFolder) -> Iterator[None]:
  """Keeps compiled programs in the run's folder while the context is active.

  A cache chosen by the user ($JAX_COMPILATION_CACHE_DIR) stays in use.

  Args:
    config: The whole configuration; `train.compilation_cache` is read.
    folder: Folder of the run.
  """
  chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
  if chosen or not config.train.compilation_cache:
    if chosen and chosen.startswith("~"):  # JAX would make a folder named ~
      _use(str(expanded(chosen)))
    yield
    return
  _use(str(folder.path / "compilation_cache"))
  try:
    yield
  finally:
    _use(None)


def _use(path: str | None) -> None:
  jax.config.update("jax_compilation_cache_dir", path)
  compilation_cache.reset_cache()  # opened only once, at the first program
