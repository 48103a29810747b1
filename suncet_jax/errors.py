"""Errors that a command prints as a message, without a traceback."""


class UserError(ValueError):
  """A setting, a file or a folder that its owner has to change.

  The message says what was wrong, what was expected and which setting to
  change. A command ends with exit code 2. Any other `ValueError` is a defect of
  this package or of a library, and keeps its traceback.
  """


class RunError(RuntimeError):
  """A run that cannot go on, for the reason that the message gives.

  A command ends with exit code 1.
  """
