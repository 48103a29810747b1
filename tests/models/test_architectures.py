"""The names of models cost no import of JAX or Flax."""

import subprocess
import sys

from model_testing import model_config

from suncet_jax.architectures import MODEL_NAMES, model_faults


def test_importing_the_names_imports_neither_jax_nor_flax():
  program = (
    "import sys; import suncet_jax.architectures;"
    "sys.exit(bool({'jax', 'flax', 'numpy'} & set(sys.modules)))"
  )
  assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_every_name_is_valid_with_some_stem():
  for name in MODEL_NAMES:
    assert model_faults(model_config(name=name)) == []


def test_each_fault_is_one_sentence():
  faults = model_faults(
    model_config({"layers": 4, "out": 0}, name="alexnet", stem="none")
  )
  assert len(faults) == 4
