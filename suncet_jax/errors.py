"""Errors that a command prints as a message, without a traceback."""


class UserError(ValueError):
  """A fault in a setting, a file or a folder that the user can mend.

  The message gives the fault, the expected value and the setting to change. A
  command ends with exit code 2. Any other `ValueError` is a defect of this
  package or of a library, and keeps its traceback.
  """


class RunError(RuntimeError):
  """A run cannot go on, for the reason in the message.

  A command ends with exit code 1.
  """
