"""Evaluates a saved checkpoint of a run again.

    python -m suncet_jax.evaluate --workdir=runs/digits --evals=knn,linear

The accuracies are printed and written beside the run's own result.
"""

from absl import app, flags

from suncet_jax import command_line, plugins
from suncet_jax.devices.host import keep_freed_memory

_NAMES = tuple(plugins.evaluations())
flags.declare_key_flag("workdir")  # --help shows it
_EVALS = flags.DEFINE_list(
  "evals",
  None,
  f"Some of {', '.join(_NAMES)}; by default those of the run's method.",
)
_STEP = flags.DEFINE_integer(
  "step", None, "Step of the checkpoint; by default the newest."
)


def main(argv: list[str]) -> int:
  """Checks the command line and evaluates; returns the exit code."""
  workdir = command_line.checked_workdir(argv)
  unknown = sorted(set(_EVALS.value or ()) - set(_NAMES))
  if unknown or _EVALS.value == []:
    command_line.fail(
      f"--evals has {', '.join(unknown) or 'nothing'}, expected some of "
      f"{', '.join(_NAMES)}."
    )
  command_line.quiet_libraries()
  keep_freed_memory()
  with command_line.clear_errors():
    from suncet_jax.train.result import evaluate_again

    return evaluate_again(workdir, _EVALS.value, _STEP.value)


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
