"""Says whether a training fits on devices that are not here, and how fast.

    python -m suncet_jax.preflight --config=configs/imagenet.py \
        --on=v5e:8x8,h100x8

XLA's own compilers for these devices run on this machine; nothing is trained,
and no data set is needed. Devices: v4, v5e, v5p, v6e and tpu7x with a topology,
such as v5e:8x8 or v5p:4x4x4; a100, h100, h200 and b200 with a number, such as
h100x8. Prints what each figure is and whose, and writes preflight.json and
preflight.html to --out.
"""

import os

from absl import app, flags
from ml_collections import ConfigDict

from suncet_jax import command_line
from suncet_jax.console import program

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it
_ON = flags.DEFINE_string(
  "on", None, "Devices, with commas between, such as v5e:8x8,h100x8."
)
_OUT = flags.DEFINE_string("out", ".", "Folder of preflight.json and .html.")
_CLASSES = flags.DEFINE_integer(
  "classes", 0, "Classes of a data set that is not known here."
)
_IMAGES = flags.DEFINE_integer(
  "images", 0, "Training images of a data set that is not known here."
)
_PRICE = flags.DEFINE_float(
  "price", 0.0, "Price of one device for an hour, in your currency."
)
_FILES_PER_CORE = flags.DEFINE_float(
  "files_per_core",
  0.0,
  "Image files that a core of your hosts decodes per second: "
  "python -m benchmarks.input measures it.",
)
_FIT = flags.DEFINE_bool(
  "fit",
  False,
  "Also find the largest batch that fits, and what train.remat and "
  "train.micro_batches give; compiles several times.",
)


def main(argv: list[str]) -> int:
  """Checks the command line and compiles; returns the exit code."""
  command_line.no_arguments(argv)
  if not _ON.value:
    command_line.fail("--on is missing, expected devices such as v5e:8x8.")
  config = _checked_config()
  command_line.quiet_libraries()
  # Of a compiler that is loaded without its device; all errors are raised too.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  with command_line.clear_errors():
    from suncet_jax.preflight.report import report

    return report(
      config,
      _ON.value,
      size=(_CLASSES.value, _IMAGES.value),
      price=_PRICE.value,
      files_per_core=_FILES_PER_CORE.value,
      is_fitted=_FIT.value,
      out=_OUT.value,
      command=program.as_typed(),
    )


def _checked_config() -> ConfigDict:
  """Returns the configuration; lists of images need not be here."""
  return command_line.checked_config(_CONFIG, check_files=False)


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
