"""Checks a whole data set before training.

    python -m suncet_jax.check --config=configs/folder.py:train=a,test=b

Prints classes with their counts, splits, formats and sizes, and every image
that cannot be read or decoded; then what of the configuration does not fit, and
for images of one's own a command with numbers that do. --pictures=sheet.png
also writes some images of each class. The exit code is 1 if there are more bad
images than a run would accept, 2 if the data set cannot be used at all or the
configuration does not fit.
"""

from absl import app, flags
from ml_collections import config_flags

from suncet_jax import command_line
from suncet_jax.config.validation import faults, refuse
from suncet_jax.errors import UserError

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it
_PICTURES = flags.DEFINE_string(
  "pictures", "", "Sheet to write, *.png, with images of each class."
)
flags.declare_key_flag("pictures")

# Groups of fields that decide nothing about which images there are.
_OF_TRAINING = ("method.", "multicrop.", "model.", "optim.", "train.", "evals.")
# Without a test set the look goes on with one that is split off.
_NO_TEST = "data.test is empty"
_TEST_FRACTION = 0.2


def main(argv: list[str]) -> int:
  """Checks the command line and the data; returns the exit code."""
  command_line.no_arguments(argv)
  config = command_line.loaded_config(_CONFIG)
  pictures = _PICTURES.value
  if pictures and not pictures.endswith(".png"):
    command_line.fail(f"--pictures is {pictures}, expected *.png.")
  command_line.quiet_libraries()
  with command_line.clear_errors():
    found = faults(config, check_files=True)
    if not all(fault.startswith((*_OF_TRAINING, _NO_TEST)) for fault in found):
      refuse(found)
    if any(fault.startswith(_NO_TEST) for fault in found):
      config.data.test_fraction = _TEST_FRACTION
    from suncet_jax.check.advice import Asked
    from suncet_jax.check.inspection import inspect

    flag = flags.FLAGS["config"]
    asked = Asked(
      config_flags.get_config_filename(flag),
      config_flags.get_override_values(flag),
    )
    try:
      return inspect(config, found, asked, pictures)
    except UserError as error:
      if found:
        refuse([*found, str(error)])
      raise


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
