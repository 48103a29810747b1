"""Evaluates a saved checkpoint of a run again.

    python -m suncet_jax.evaluate --workdir=runs/digits --evals=knn,linear

The accuracies are printed and written beside the run's own result.
"""

from absl import app, flags

from suncet_jax import command_line
from suncet_jax.config.validation import EVAL_NAMES
from suncet_jax.devices.host import keep_freed_memory

flags.declare_key_flag("workdir")  # --help shows it
_EVALS = flags.DEFINE_list(
  "evals", list(EVAL_NAMES), f"Some of {', '.join(EVAL_NAMES)}."
)
_STEP = flags.DEFINE_integer("step", None, "Which checkpoint; the newest.")


def main(argv: list[str]) -> int:
  """Checks the command line and evaluates; returns the exit code."""
  workdir = command_line.checked_workdir(argv)
  unknown = sorted(set(_EVALS.value) - set(EVAL_NAMES))
  if unknown or not _EVALS.value:
    command_line.fail(
      f"--evals has {', '.join(unknown) or 'nothing'}, expected some of "
      f"{', '.join(EVAL_NAMES)}."
    )
  command_line.quiet_libraries()
  keep_freed_memory()
  with command_line.clear_errors():
    from suncet_jax.train.run import evaluate

    return evaluate(workdir, _EVALS.value, _STEP.value)


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
