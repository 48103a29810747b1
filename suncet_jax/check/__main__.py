"""Checks a whole data set before training.

    python -m suncet_jax.check --config=configs/folder.py:train=a,test=b

Prints classes with their counts, splits, formats and sizes, and every image
that cannot be read or decoded. The exit code is 1 if there are more of these
than a run would accept, 2 if the data set cannot be used at all.
"""

from absl import app, flags

from suncet_jax import command_line

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it


def main(argv: list[str]) -> int:
  """Checks the command line and the data; returns the exit code."""
  command_line.no_arguments(argv)
  config = command_line.checked_config(_CONFIG)
  command_line.quiet_libraries()
  with command_line.clear_errors():
    from suncet_jax.check.inspection import inspect

    return inspect(config)


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
