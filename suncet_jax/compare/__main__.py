"""Compares methods at equal budgets: runs a grid and writes one report.

    python -m suncet_jax.compare --config=configs/digits.py \
        --methods=simclr,suncet,supervised --labels=5 --seeds=0,1,2 \
        --workdir=runs/comparison

The same command goes on where it stopped.
"""

import functools
from collections.abc import Sequence

from absl import app, flags
from etils import epath
from ml_collections import config_flags

from suncet_jax import command_line
from suncet_jax.compare import flags as shared
from suncet_jax.compare import grid
from suncet_jax.compare.entries import parse_entries
from suncet_jax.compare.folder import prepare
from suncet_jax.compare.scheduler import run_jobs
from suncet_jax.console import program, terminal
from suncet_jax.console.words import counted

_STOPPED = "what was trained is saved, the same command goes on."

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it
flags.declare_key_flag("workdir")
_METHODS = flags.DEFINE_list(
  "methods",
  ["simclr", "suncet", "supervised"],
  "Methods; METHOD@SHARE has that share of the budget, such as suncet@0.5, and "
  "METHOD@0 is not trained. The budget is the images that simclr processes in "
  "the epochs of --config.",
)
_VARIANTS = flags.DEFINE_multi_string(
  "variant",
  [],
  "Repeats each method with fields changed, such as "
  "optim.name=lars,optim.peak_lr=1.0; may be given several times.",
)
_POINTS = flags.DEFINE_integer(
  "points",
  6,
  "At most so many checkpoints of each run are measured, the last among them.",
  lower_bound=1,
)
for _flag in (shared.LABELS, shared.SEEDS, shared.PARALLEL):
  flags.declare_key_flag(_flag.name)


def main(argv: list[str]) -> int:
  """Runs the missing runs and writes the report; returns the exit code."""
  workdir = _checked_workdir(argv)
  with command_line.clear_errors(_STOPPED):
    runs = _checked_grid()
    prepare(workdir, runs)
    _say_plan(runs)
    folders = [workdir / run.folder for run in runs]
    missing = [folder for folder in folders if not (folder / "done").exists()]
    terminal.say(
      f"{len(runs)} runs, {len(runs) - len(missing)} of them done before"
    )
    failed = run_jobs(missing, shared.PARALLEL.value, terminal.say)
    for folder in failed:
      terminal.say(f"{folder} failed: see {folder / 'output.log'}")
    if failed:
      terminal.say(
        "The report needs all runs. The same command tries them again."
      )
      return 1
    _report(workdir, runs)
  return 0


def _checked_workdir(argv: list[str]) -> epath.Path:
  workdir = command_line.checked_workdir(argv)
  if "://" in workdir:
    command_line.fail(
      f"--workdir is {workdir}, expected a folder of this machine: the runs of "
      "a comparison are processes here, with their output in files."
    )
  return epath.Path(workdir)


def _say_plan(runs: Sequence[grid.Run]) -> None:
  """Prints each entry's share of the budget, rounded to whole epochs."""
  plans = dict.fromkeys(
    (run.entry.name, run.config.train.epochs, run.share) for run in runs
  )
  for name, epochs, share in plans:
    if not share:
      terminal.say(f"{name}: measured as it begins")
      continue
    length = counted(epochs, "epoch")
    terminal.say(f"{name}: {length}, {share:.2f} of the budget")


def _report(workdir: epath.Path, runs: Sequence[grid.Run]) -> None:
  """Writes the report and prints its tables."""
  # Imported here: the plotting libraries take a second to load.
  from suncet_jax.compare import report
  from suncet_jax.compare.folder import read_results
  from suncet_jax.compare.tables import markdown

  results = read_results(workdir, runs)
  for title, table in report.all_tables(results):
    draw = functools.partial(terminal.table, *table, title=title)
    terminal.show(f"\n{title}\n\n{markdown(table)}", draw)
  page = report.write_report(workdir, results, program.as_typed())
  terminal.say(f"Report: {page}")


def _checked_grid() -> list[grid.Run]:
  """Returns the runs, or ends the program if a flag is wrong."""
  command_line.checked_config(_CONFIG)
  if not shared.LABELS.value:
    command_line.fail("--labels is missing, expected such as --labels=10,100.")
  try:
    return grid.make_grid(
      config_flags.get_config_filename(flags.FLAGS["config"]),
      config_flags.get_override_values(flags.FLAGS["config"]),
      entries=parse_entries(_METHODS.value, _VARIANTS.value),
      labels=shared.numbers("labels", shared.LABELS.value),
      seeds=shared.numbers("seeds", shared.SEEDS.value),
      points=_POINTS.value,
    )
  except ValueError as error:  # the configuration file may raise its own
    command_line.fail(str(error))


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
