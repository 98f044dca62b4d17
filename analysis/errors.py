"""The errors that the package raises for a user to read."""


class AnalysisError(Exception):
    """A failure that the user can act on; its message is one line.

    A command that meets one prints the line to standard error and exits with status 1.
    """
