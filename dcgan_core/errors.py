"""The one kind of error that the command line shows without a traceback."""


class UserError(Exception):
    """Something the user can fix. Its message is one line: where, what happened, what to do. `x` in it is a parameter."""


def reason(error: BaseException) -> str:
    """Another library's error in a few words: the first line of its message, or its type if there is none."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
