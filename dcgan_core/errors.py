"""The one kind of error that the command line shows without a traceback."""


class UserError(Exception):
    """Something the user can put right. Its message is one line: what is wrong, where, the way out. `x` is a parameter."""


def reason(error: BaseException) -> str:
    """Another library's error in a few words: its first line, or its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
