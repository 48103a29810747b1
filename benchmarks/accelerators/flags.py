"""Flags of the programs that compile for accelerators."""

import argparse

from suncet_jax.errors import UserError
from suncet_jax.preflight import targets


def add_devices(parser: argparse.ArgumentParser, default: str) -> None:
  """Adds the flag --on.

  Args:
    parser: Parser to add it to.
    default: Names of devices, with commas between.
  """
  parser.add_argument("--on", type=_devices, default=default, help="devices")


def _devices(text: str) -> list[targets.Target]:
  try:
    return targets.parse(text)
  except UserError as error:
    raise argparse.ArgumentTypeError(str(error)) from error
