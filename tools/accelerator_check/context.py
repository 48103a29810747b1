"""What a part of the check knows, and what it tells as soon as it is known."""

import json
import os
from pathlib import Path
from typing import Any

from tools.accelerator_check.sizes import FULL, SMALL, Sizes

ROOT = Path(__file__).resolve().parents[2]
ABSENT = "absent"


class Absent(Exception):
  """Something optional is not here; the message says what."""


class Context:
  """Surroundings of a part.

  Attributes:
    name: Name of the part.
    work: Folder that all parts share.
    platform: Platform of JAX, such as "cuda" or "cpu".
    sizes: Sizes of the check.
  """

  def __init__(
    self, name: str, work: Path, platform: str, *, is_small: bool
  ) -> None:
    """Initializes it with what an earlier process of the part has told.

    Args:
      name: Name of the part.
      work: Folder that all parts share.
      platform: Platform of JAX.
      is_small: Whether sizes are those of a try.
    """
    self.name, self.work, self.platform = name, work, platform
    self.sizes: Sizes = SMALL if is_small else FULL
    self._facts = facts_of(work, name)

  def tell(self, **facts: Any) -> None:
    """Adds facts; they are kept even if the part is ended after it.

    Args:
      **facts: Facts by name, JSON values.
    """
    self._facts |= facts
    path = _path(self.work, self.name)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(self._facts))
    os.replace(draft, path)

  def told(self, name: str) -> dict[str, Any]:
    """Returns the facts of another part.

    Args:
      name: Name of the part.
    """
    return facts_of(self.work, name)


def facts_of(work: Path, name: str) -> dict[str, Any]:
  """Returns the facts that a part has told; {} if none.

  Args:
    work: Folder that all parts share.
    name: Name of the part.
  """
  path = _path(work, name)
  return json.loads(path.read_text()) if path.exists() else {}


def _path(work: Path, name: str) -> Path:
  return work / f"{name}.json"
