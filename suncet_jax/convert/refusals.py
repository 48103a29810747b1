"""What PyTorch's reader refuses of a file, in words of our own.

PyTorch says it in paragraphs with colours, and breaks off before the reason
where only their first line is shown.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Iterator

from suncet_jax.console.words import shorten

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OBJECT = re.compile(r"(?:GLOBAL|global|class|function):? `?([\w.]+\.\w+)")
_REASON = re.compile(r"WeightsUnpickler error:\s*(.+)")
# What files of tensors hold in any case.
_USUAL = re.compile(r"torch\.(_utils\._rebuild\w*|\w*Storage)|.*\.OrderedDict")


def refusal(error: Exception, content: bytes) -> str:
  """Returns why PyTorch refused to unpickle a file, and what to do.

  Args:
    error: Error of `torch.load`.
    content: Bytes of the file.
  """
  message = _COLOURS.sub("", str(error))
  refused = _OBJECT.findall(message)[:1] or _unusual(content)
  what = f" ({shorten(refused, 3)})" if refused else ", or is damaged"
  why = "" if refused else f" ({reason(error)})"
  return (
    f"it holds more than tensors and plain values{what}, and nothing is ever "
    f"unpickled{why}. If you trust the file, save its weights alone, and "
    "convert that: import torch; x = torch.load(FILE, weights_only=False); "
    'torch.save(x["state_dict"], "weights.pth"), with the key that it has '
    "for them; of a whole module, x.state_dict()."
  )


def reason(error: Exception) -> str:
  """Returns the reason in an error of PyTorch: one line of plain text."""
  message = _COLOURS.sub("", str(error)).strip()
  found = _REASON.search(message)
  line = found[1] if found else next(iter(message.splitlines()), repr(error))
  return line.strip().rstrip(".")


def _unusual(content: bytes) -> list[str]:
  """Returns names of the objects that files of tensors do not hold."""
  # A name of a hostile file might hold what a terminal obeys.
  names = filter(re.compile(r"[\w.]+").fullmatch, _objects(content))
  return list(dict.fromkeys(x for x in names if not _USUAL.fullmatch(x)))


def _objects(content: bytes) -> Iterator[str]:
  """Generates names of classes and functions in a file, unpickling nothing."""
  for pickled in _pickles(content):
    stream, text = io.BytesIO(pickled), [""]
    try:
      while stream.tell() < len(pickled):  # old files are several in a row
        for opcode, argument, _ in pickletools.genops(stream):
          if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
          elif opcode.name == "STACK_GLOBAL":
            yield ".".join(text[-2:])
          elif isinstance(argument, str):
            text.append(argument)
    except ValueError:  # no pickle, or what follows one
      continue


def _pickles(content: bytes) -> list[bytes]:
  try:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      names = [x for x in archive.namelist() if x.endswith("data.pkl")]
      return [archive.read(name) for name in names]
  except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError):
    return [content]
