"""kill -9 at any moment, again and again, changes no bit of the result."""

import math
import random
import re
import signal
import time
from typing import NamedTuple

import fault_runs

_EARLY, _IN_TRAINING, _LATE = 2, 4, 2
_KILLS = _EARLY + _IN_TRAINING + _LATE
_PART = fault_runs.LAST_STEP // _IN_TRAINING  # of training, in steps
_FLAGS = (
  "--config.checkpoint.every_epochs=0.1",  # every step
  "--config.log.report=True",
)


class _Moment(NamedTuple):
  """When to kill: some seconds after a run has come to a step."""

  step: float  # 0: its start; infinite: its evaluation
  seconds: float


def test_many_kills_in_one_run(tmp_path, small_run, cache):
  seed = random.SystemRandom().randrange(10**6)
  print(f"seed {seed}")  # pytest shows all this if the test fails
  began_at = _kill_again_and_again(random.Random(seed), tmp_path, cache)
  assert len(began_at) >= 4  # they were spread over the run
  fault_runs.run(tmp_path, cache, *_FLAGS)
  fault_runs.assert_same_run(tmp_path, small_run)
  assert not list(tmp_path.glob("checkpoints/corrupt-*"))


def _kill_again_and_again(source, workdir, cache):
  """Kills a run that often; returns the steps from which it went on."""
  planned, kills, began_at = _moments(source), 0, set()
  while kills < _KILLS:
    # A run that came to its end before it was killed is killed as it says so.
    moment = planned.pop(0) if planned else _Moment(0, source.uniform(0, 0.1))
    code, output = _kill(fault_runs.start(workdir, cache, *_FLAGS), moment)
    assert code in (0, -signal.SIGKILL), output
    kills += code != 0
    began_at.update(re.findall(r"Going on from step (\d+)", output))
    print(f"{kills} kills: {moment}")
  return began_at


def _moments(source):
  """Returns random moments of a whole run, late ones last.

  Some are counted from the start, so that no step may come of it; some are in
  the evaluation and the report; of the others one is in each part of training.
  """
  in_training = [
    _Moment(1 + part * _PART + source.randrange(_PART), source.uniform(0, 0.2))
    for part in range(_IN_TRAINING)
  ]
  is_early = [True] * _EARLY + [False] * _IN_TRAINING
  source.shuffle(is_early)
  moments = [
    _Moment(0, source.uniform(0, 3)) if starts else in_training.pop(0)
    for starts in is_early
  ]
  return moments + [
    _Moment(math.inf, source.uniform(0, 1.5)) for _ in range(_LATE)
  ]


def _kill(process, moment):
  """Waits for the moment and kills; returns (exit code, output)."""
  seen = []
  while moment.step > _step_of(seen[-1:]):
    line = process.stdout.readline()
    if not line:  # it has ended
      break
    seen.append(line)
  time.sleep(moment.seconds)
  process.kill()
  rest, _ = process.communicate()
  return process.returncode, "".join(seen) + rest


def _step_of(lines):
  """Returns the step that a printed line tells of; see `_Moment`."""
  text = "".join(lines)
  step = re.match(r"step (\d+)/", text)
  if step:
    return int(step[1])
  return math.inf if text.startswith("Evaluating") else 0
