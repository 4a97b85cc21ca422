"""The one kind of error that the command line shows without a traceback."""


class UserError(Exception):
    """Something the user can put right. Its message is one line: what is wrong, where, and the way out."""
