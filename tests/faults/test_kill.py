"""kill -9 at any moment, again and again, changes no bit of the result."""

import math
import random
import re
import signal
import time
from typing import NamedTuple

import fault_runs

_KILLS = 20
_EPOCHS, _LAST_STEP = 4, 36
_FLAGS = (
  "--config.log.every_steps=1",
  "--config.checkpoint.every_epochs=0.1",  # every step
)


class _Moment(NamedTuple):
  """When to kill: some seconds after a run has come to a step."""

  step: float  # 0: its start; infinite: its evaluation
  seconds: float


def test_twenty_kills_in_one_run(tmp_path, starter):
  seed = random.SystemRandom().randrange(10**6)
  print(f"seed {seed}")  # pytest shows all this if the test fails
  killed, uninterrupted = tmp_path / "killed", tmp_path / "uninterrupted"
  began_at = _kill_again_and_again(random.Random(seed), killed, starter)
  assert len(began_at) >= 5  # they were spread over the run
  fault_runs.run(killed, starter, *_FLAGS, epochs=_EPOCHS)
  fault_runs.run(uninterrupted, starter, *_FLAGS, epochs=_EPOCHS)
  assert fault_runs.result(killed)["step"] == _LAST_STEP
  fault_runs.assert_same_run(killed, uninterrupted)
  assert not list(killed.glob("checkpoints/corrupt-*"))


def _kill_again_and_again(source, workdir, starter):
  """Kills a run that often; returns the steps from which it went on."""
  planned, kills, began_at = _moments(source), 0, set()
  while kills < _KILLS:
    # A run that came to its end before it was killed is killed as it says so.
    moment = planned.pop(0) if planned else _Moment(0, source.uniform(0, 0.1))
    code, output = _kill(
      fault_runs.start(workdir, starter, *_FLAGS, epochs=_EPOCHS), moment
    )
    assert code in (0, -signal.SIGKILL), output
    kills += code != 0
    began_at.update(re.findall(r"Going on from step (\d+)", output))
    print(f"{kills} kills: {moment}")
  return began_at


def _moments(source):
  """Returns random moments of a whole run, late ones last.

  A third is counted from the start, so that no step may come of it; some are
  in the evaluation and the report; the others are in training.
  """
  early, late = _KILLS // 3, _KILLS // 5
  steps = source.sample(range(1, _LAST_STEP), _KILLS - early - late)
  steps.sort(reverse=True)
  is_early = [True] * early + [False] * len(steps)
  source.shuffle(is_early)
  moments = [
    _Moment(0, source.uniform(0, 3))
    if starts
    else _Moment(steps.pop(), source.uniform(0, 0.2))
    for starts in is_early
  ]
  return moments + [
    _Moment(math.inf, source.uniform(0, 1.5)) for _ in range(late)
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
