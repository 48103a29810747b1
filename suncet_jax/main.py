"""Pre-trains an encoder.

    python -m suncet_jax.main --config=configs/digits.py --workdir=runs/digits

The same command on the same folder goes on where it stopped, or prints the
result of a finished run.
"""

from absl import app, flags

from suncet_jax import command_line
from suncet_jax.console import program
from suncet_jax.devices.host import collect_garbage_rarely, keep_freed_memory

# Pixels of a view of a batch, from which on a step may allocate 64 MiB at once.
_MANY_PIXELS = 2**14

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it
flags.declare_key_flag("workdir")
_DISTRIBUTED = flags.DEFINE_bool(
  "distributed",
  None,
  "Connect the processes of a cluster that JAX recognises; by default under "
  "srun and mpirun with several tasks, and on Cloud TPUs.",
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator", None, "host:port of process 0; only for several processes."
)
_PROCESS_COUNT = flags.DEFINE_integer(
  "process_count", None, "Number of processes; only for several."
)
_PROCESS_ID = flags.DEFINE_integer(
  "process_id", None, "Which process this is, from 0; only for several."
)
_HEARTBEAT_TIMEOUT = flags.DEFINE_integer(
  "heartbeat_timeout",
  100,
  "Seconds without a sign of life after which a process counts as dead.",
  lower_bound=1,
)
_INITIALIZATION_TIMEOUT = flags.DEFINE_integer(
  "initialization_timeout",
  300,
  "Seconds to wait for the other processes at the start.",
  lower_bound=1,
)


def main(argv: list[str]) -> int:
  """Checks the command line and runs; returns the exit code."""
  workdir = command_line.checked_workdir(argv)
  config = command_line.checked_config(_CONFIG)
  command_line.quiet_libraries()
  pixels = config.data.batch_size * config.augment.size**2
  keep_freed_memory(large_blocks=pixels > _MANY_PIXELS)
  collect_garbage_rarely()
  with command_line.clear_errors(command_line.TRAINING_STOPPED):
    # Imported here: JAX and TensorFlow only load for a valid configuration.
    from suncet_jax.devices.processes import connect, finish
    from suncet_jax.train.run import run

    connect(
      _COORDINATOR.value,
      _PROCESS_COUNT.value,
      _PROCESS_ID.value,
      in_cluster=_DISTRIBUTED.value,
      heartbeat_timeout=_HEARTBEAT_TIMEOUT.value,
      initialization_timeout=_INITIALIZATION_TIMEOUT.value,
    )
    code = run(config, workdir, program.as_typed())
    finish()
    return code


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
