"""How a command fails: what it raises decides the exit status."""


class UsageError(Exception):
    """What the user can put right: printed as one line, exit status 2."""


class Failed(Exception):
    """The command was right, but something did not pass: printed as one line, exit status 1."""
