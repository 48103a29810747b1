"""What a run imports before its first step, which waits for it."""

import subprocess
import sys

_LATER = ("clu", "scipy", "sklearn", "tensorflow")
_CODE = f"""
import sys
import suncet_jax.main
import suncet_jax.train.run
from suncet_jax.data import arrays
arrays.digits()
print([name for name in {_LATER} if name in sys.modules])
"""


def test_what_takes_seconds_to_import_comes_after_it():
  # In a process of its own: that of other tests has imported all of it.
  command = [sys.executable, "-c", _CODE]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  assert done.stdout == "[]\n"
