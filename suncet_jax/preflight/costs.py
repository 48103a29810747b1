"""Operations and bytes of single instructions, counted from their shapes."""

import math
import re

from suncet_jax.preflight.hlo import Array, Instruction, Program, arrays
from suncet_jax.preflight.window import share_on_images

# Kernels of libraries that compute a convolution, and which of operands and
# result is what the convolution would give forward, and which its kernel.
_RESULT = -1
_CONVOLUTIONS = {
  "__cudnn$convForward": (_RESULT, 1),
  "__cudnn$convBiasActivationForward": (_RESULT, 1),
  "__cudnn$convForwardGraph": (_RESULT, 1),
  "__cudnn$convBackwardInput": (0, 1),
  "__cudnn$convBackwardFilter": (1, _RESULT),
}
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_LABELS = re.compile(r"dim_labels=(\w+)_(\w+)->(\w+)")
_CONTRACTED = re.compile(r"lhs_contracting_dims=\{([\d,]*)\}")
_CONTRACTED_BY_LIBRARY = re.compile(
  r'"lhs_contracting_dimensions":(\[[^\]]*\])'
)
# They move nothing: names for what is there, or the end of what had begun.
_FREE = frozenset(
  (
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast"),
    *("while", "conditional", "call", "partition-id", "replica-id"),
    *("after-all", "opt-barrier", "add-dependency"),
  )
)
_READS_A_PART = ("dynamic-slice", "slice", "gather")


def is_free(instruction: Instruction) -> bool:
  """Returns whether an instruction takes no time of its own.

  Args:
    instruction: Instruction of a program.
  """
  return instruction.opcode in _FREE or instruction.opcode.endswith("-done")


def flops(program: Program, instruction: Instruction) -> float:
  """Returns the operations of products; a multiplication with its sum are two.

  Args:
    program: Program that the instruction is in.
    instruction: Instruction, with all that it fuses.
  """
  if instruction.opcode == "fusion":
    return sum(
      flops(program, each)
      for name in instruction.called
      for each in program.computations.get(name, ())
    )
  if instruction.opcode == "dot":
    return _dot(program, instruction, _CONTRACTED)
  if instruction.opcode == "convolution":
    return _convolution(program, instruction, _RESULT, 1)
  if instruction.opcode == "custom-call":
    target = _TARGET.search(instruction.text)
    name = target[1] if target else ""
    if name in _CONVOLUTIONS:
      return _convolution(program, instruction, *_CONVOLUTIONS[name])
    if name.startswith("__cublas"):
      return _dot(program, instruction, _CONTRACTED_BY_LIBRARY)
  return 0.0


def size(program: Program, instruction: Instruction) -> int:
  """Returns the bytes that an instruction reads and writes.

  Args:
    program: Program that the instruction is in.
    instruction: Instruction, with all that it fuses.
  """
  if is_free(instruction):
    return 0
  written = sum(each.size for each in arrays(instruction.result))
  read = sum(
    _read(program, instruction, number, operand)
    for number, operand in enumerate(program.operand_arrays(instruction))
  )
  return written + read


def is_wide(program: Program, instruction: Instruction) -> bool:
  """Returns whether the products of an instruction are of 32 bits or more.

  Args:
    program: Program that the instruction is in.
    instruction: Instruction, with all that it fuses.
  """
  inside = [
    each
    for name in instruction.called
    for each in program.computations.get(name, ())
    if each.opcode in ("dot", "convolution")
  ] or [instruction]
  kinds = {
    operand[0].dtype
    for each in inside
    for operand in program.operand_arrays(each)[:2]
    if operand
  }
  return bool(kinds & {"f32", "f64"})


def _read(
  program: Program,
  instruction: Instruction,
  number: int,
  operand: list[Array],
) -> int:
  """Returns the bytes that an instruction reads of one operand."""
  whole = sum(each.size for each in operand)
  if instruction.opcode in _READS_A_PART and number == 0:
    return sum(each.size for each in arrays(instruction.result))
  if instruction.opcode != "fusion":
    return whole
  inside = [
    each
    for name in instruction.called
    for each in program.computations.get(name, ())
  ]
  parameter = next(
    (each.name for each in inside if f" parameter({number})" in each.text), ""
  )
  users = [each for each in inside if parameter in each.operands]
  if users and all(each.opcode in _READS_A_PART for each in users):
    parts = (each.size for user in users for each in arrays(user.result))
    return min(whole, sum(parts))
  return whole


def _dot(
  program: Program, instruction: Instruction, contracted: re.Pattern[str]
) -> float:
  operands = program.operand_arrays(instruction)
  found = contracted.search(instruction.text)
  if not (found and operands and operands[0]):
    return 0.0
  axes = [int(n) for n in re.findall(r"\d+", found[1])]
  left = operands[0][0].shape
  result = arrays(instruction.result)[0].shape
  return 2.0 * math.prod(result) * math.prod(left[axis] for axis in axes)


def _convolution(
  program: Program, instruction: Instruction, output: int, kernel: int
) -> float:
  """Returns the operations of a convolution or of one of its gradients.

  Args:
    program: Program that the instruction is in.
    instruction: Instruction.
    output: Operand that is the output of the forward convolution; -1: the
      result.
    kernel: Operand that is the kernel; -1: the result.
  """
  result = arrays(instruction.result)[0]
  operands = program.operand_arrays(instruction)
  labels = _LABELS.search(instruction.text)
  if not labels or len(operands) < 2 or not (operands[0] and operands[1]):
    return 0.0
  made, used = (
    result if number == _RESULT else operands[number][0]
    for number in (output, kernel)
  )
  features = used.shape[labels[2].index("o")]
  products = math.prod(made.shape) * math.prod(used.shape) / features
  if instruction.opcode == "convolution":
    products *= share_on_images(
      instruction.text,
      _spatial(labels[1], operands[0][0]),
      _spatial(labels[3], result),
    )
  return 2.0 * products


def _spatial(labels: str, array: Array) -> list[int]:
  """Returns the extents of an array along its numbered axes, in order."""
  return [array.shape[labels.index(n)] for n in sorted(labels) if n.isdigit()]
