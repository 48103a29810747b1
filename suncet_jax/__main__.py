"""The command `python -m suncet_jax`, which is `suncet-jax` too."""

import sys

from suncet_jax.cli.dispatch import main

if __name__ == "__main__":
  sys.exit(main())
