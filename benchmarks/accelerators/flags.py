"""Flags of the programs that compile for accelerators."""

import argparse

from suncet_jax.errors import UserError
from suncet_jax.preflight import targets


def devices(text: str) -> list[targets.Target]:
  """Parses the flag --on.

  Args:
    text: Names of devices, with commas between.
  """
  try:
    return targets.parse(text)
  except UserError as error:
    raise argparse.ArgumentTypeError(str(error)) from error
