"""Words of what a preflight found: the verdict, and numbers."""

from suncet_jax.console.words import counted
from suncet_jax.preflight.check import Checked

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def verdict(checked: Checked) -> str:
  """Returns in one line whether it can be trained there.

  Args:
    checked: What came out.
  """
  target = checked.target
  place = f"{target.name} ({counted(target.devices, 'device')}, "
  place += f"{counted(target.hosts, 'host')})"
  if checked.failure:
    return f"{place}: does not compile. {checked.failure}"
  fits = all(each.memory.fits for each in checked.readings)
  most = max(each.memory.total for each in checked.readings)
  words = "fits" if fits else "compiles, but does NOT fit"
  return (
    f"{place}: {words}, {scaled(most)}B of {scaled(target.chip.memory)}B per "
    f"device with {checked.rows} rows each"
  )


def scaled(number: float) -> str:
  """Returns a number with three digits and a prefix, such as "5.04 G".

  Args:
    number: Number to show.
  """
  for unit, prefix in _UNITS:
    if number >= unit:
      return f"{number / unit:.3g} {prefix}"
  return f"{number:.3g} "


def percent(share: float) -> str:
  """Returns a share in percent."""
  return f"{100 * share:.1f} %"


def milliseconds(seconds: float) -> str:
  """Returns seconds in milliseconds, without the unit."""
  return f"{1e3 * seconds:.3f}"


def hours(seconds: float) -> str:
  """Returns seconds in hours, without the unit."""
  return f"{seconds / 3600:.3g}"
