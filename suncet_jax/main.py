"""Pre-trains an encoder: flags, configuration, hand over.

    python -m suncet_jax.main --config=configs/digits.py --workdir=runs/digits

The same command on the same folder goes on where it stopped, or prints the
result of a finished run.
"""

from absl import app, flags

from suncet_jax import command_line, cpu_memory

_CONFIG = command_line.define_config_flag()
_DISTRIBUTED = flags.DEFINE_bool(
  "distributed", False, "Connect the hosts of a TPU pod or another cluster."
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


def main(argv: list[str]) -> int:
  """Checks the command line and runs; returns the exit code."""
  workdir = command_line.checked_workdir(argv)
  config = command_line.checked_config(_CONFIG)
  command_line.quiet_libraries()
  cpu_memory.keep()
  with command_line.clear_errors(command_line.TRAINING_STOPPED):
    # JAX and TensorFlow only load for a sound configuration.
    from suncet_jax.parallel import start_processes
    from suncet_jax.train.run import run

    start_processes(
      _COORDINATOR.value,
      _PROCESS_COUNT.value,
      _PROCESS_ID.value,
      in_cluster=_DISTRIBUTED.value,
    )
    return run(config, workdir, command_line.as_typed())


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
