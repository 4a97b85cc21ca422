"""Sphinx, the library's page: in a docstring, `name: what it is` stands out where `name` is a parameter."""

import inspect
import re

NAMES = re.compile(r"(^|(?<=[.;] )|(?<=\n))((?:\w+, )*\w+)(?=:\s)")


def _stand_out(*event):
    _, _, _, obj, _, lines = event
    try:
        known = {*inspect.signature(obj).parameters}
    except (TypeError, ValueError):  # a property
        return

    def bold(found):
        words = found[2].split(", ")
        return (
            ", ".join(f"**{word}**" for word in words)
            if {*words} <= known
            else found[0]
        )

    lines[:] = NAMES.sub(bold, "\n".join(lines)).split("\n")


def setup(app):
    app.connect("autodoc-process-docstring", _stand_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
