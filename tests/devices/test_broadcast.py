"""What process 0 knows comes to another process bit for bit."""

import running

_TWO_PROCESSES = """
import sys
import jax, jax.numpy as jnp, numpy as np

jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
from suncet_jax.devices import processes
from suncet_jax.workdir import digest

is_first = processes.is_first()
known = {"name": "a", "seconds": 0.1, "none": None} if is_first else "other"
assert processes.value_from_first(known)["seconds"] == 0.1

known = {
  "zeros": np.array([0.0, -0.0, 1e-45, np.nan], np.float32),
  "half": np.asarray(jnp.arange(6, dtype=jnp.bfloat16)).reshape(2, 3),
  "step": np.array(-3, np.int32),
  "empty": np.zeros((0, 2), np.float32),
}
expected = digest.tree_digest(known)
known = jax.tree.map(lambda x: x if is_first else np.ones_like(x), known)
told = processes.arrays_from_first(known)
assert digest.tree_digest(told) == expected, told
print("all of it is the same")
"""


def test_two_processes_have_the_same_afterwards():
  coordinator = f"127.0.0.1:{running.free_port()}"
  processes = [
    running.start_code(_TWO_PROCESSES, coordinator, number)
    for number in range(2)
  ]
  outputs = [process.communicate(timeout=120)[0] for process in processes]
  for output in outputs:
    assert "all of it is the same" in output, outputs
