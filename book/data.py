# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Data
#
# **The question:** which pictures does this book use, under which terms, and how do you get them?
#
# Not one photograph comes with this book, and you need none to read or to run it. Where a chapter does better with photographs, it says so.
#
# Data sets are looked for in the folder that `$DCGAN_DATA` names (else `~/.cache/dcgan`), each under its own name: as a zip, as published, or as a
# folder. A set that is missing is never replaced in silence.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% [markdown]
# ## What there is

# %% tags=["hide-input"]
import tomllib

from IPython.display import display

from dcgan_core import chapters
from dcgan_core.data import loading
from dcgan_core.data.sources import drawn, published
from dcgan_core.figures.tables import Table

sets = {
    s["name"]: s
    for s in tomllib.loads(chapters.book_file("data.toml").read_text())["sets"]
}
states = {row.name: row.state for row in loading.listing()}
rows = []
for name, s in sets.items():
    terms = s.get("terms") or published.KNOWN[name].licence
    state = states.get(name, "not found") if s.get("loads", True) else ""
    images = s["images"].format(**drawn.DRAWN)
    rows.append([name, s["what"], images, terms, state])
for name, state in states.items():
    if name not in sets:
        rows.append([name, "of your own", "", "as its owner says", state])
header = ["what it is", "images: training + held out", "terms"]
overview = Table(
    ["name", *header, "here"], rows, caption="The data sets of this book."
)
overview

# %% [markdown]
# "Terms" are the publisher's. Ask yourself before you train on a set whether you may, and again before you give away what was trained on it.
#
# ## How to get each

# %% tags=["hide-input"]
commands = [["# " + name, *s["commands"]] for name, s in sets.items()]
print("\n\n".join("\n".join(lines) for lines in commands))

# %% [markdown]
# `dcgan data list` says what was found, and where.
#
# ## What preparation does, and how long it takes
#
# Pictures come in all sizes. A net takes one. So each set is read once, and its pixels are kept in a file that later runs map into memory: opening it then
# takes no time. A changed set is noticed and prepared anew.


# %% tags=["hide-input"]
def preparations(timed):
    """timed: rows with name, size, images, value (seconds), cpu_seconds."""
    known = {row["name"]: row for row in timed}
    rows = []
    for name, s in sets.items():
        took = ["not measured" if s.get("loads", True) else "", ""]
        if row := known.get(name):
            how_long = f"{row['value']:.0f} s for {row['images']:,}"
            memory = f", {row['peak_mb']} MB" if "peak_mb" in row else ""
            took = [
                f"{how_long} at {row['size']} px",
                f"{row['cpu_seconds']:.0f} s{memory}",
            ]
        rows.append([name, s["preparation"], *took])
    header = [
        "what preparation does",
        "how long",
        "processor time, and peak memory",
    ]
    return Table(["name", *header], rows)


benchmarks = chapters.trial("benchmarks")
timed = [row for row in benchmarks["rows"] if "name" in row]
display(preparations(timed))
machine = benchmarks["environment"]["machine"]
print(f"Timed on {machine['cores']} cores of {machine['processor']}.")
busiest = max((row["load"] for row in timed), default=0)
if busiest > 0.5:
    print(
        f"Up to {busiest:.0f} other processes wanted the same cores; on idle cores it takes less time, but the same amount of computing."
    )

# %% [markdown]
# ### Does it need more memory where there are more pictures?
#
# It should not: LSUN has three million. What is measured is the most memory that the preparation held at any one time. It is one process; from two thousand pictures on, threads decode
# on all cores.

# %% tags=["hide-input"]
Table(
    ["", "MB"],
    [
        [row["what"], f"{row['value']:.0f}"]
        for row in benchmarks["rows"]
        if "memory" in row
    ],
    caption="The most memory that preparing takes.",
)

# %% [markdown]
# ### When something goes wrong
#
# - **Stopped in the middle**, by Ctrl-C, a power cut or a full disk: the same command goes on where it was. What is not whole is never used.
# - **A picture is damaged**, or no picture at all: it is left out, counted and named. Files that operating systems and network storage leave behind are skipped.
# - **Files were moved, or touched**: the pictures are compared, and a prepared copy that still matches is used again.
# - **Pictures changed**: a new copy is made; `dcgan data list` shows all copies, their size and age, and `dcgan data clean` removes what has no source any more.
# - **A database or a tar is damaged**: an error that names the file and says what to do.
# - **Is all of it still as it was?** `dcgan data prepare NAME --verify` reads everything again and compares.
#
# ## What a stand-in changes
#
# Four of the paper's sets were not used for the book's own nets: LSUN and Imagenet-1k are too large for two cores, the paper's faces were never released, and SVHN was not at hand, so section 5.2's own numbers are not measured. Results on something else say so,
# in the text and on the {doc}`scoreboard`.

# %% tags=["hide-input"]
stand_ins = [
    [name, f"… {s['stands_in']}"]
    for name, s in sets.items()
    if "stands_in" in s
]
Table(["name", "stands in …"], stand_ins)

# %% [markdown]
# ## Your own photographs
#
# A folder or a zip will do, with images at any depth. Folders `train` and `test` beside each other are the splits (names such as `Training`, `test_set` or `val` will do),
# and the first folder below them is the class. Where there are no such folders, one picture in twenty is held out, and the last folder is the class. Where train, val and a test with
# classes all exist, val joins train; a test without classes is left out, and val takes its place. Transparent parts become white. If you like, a file `attributes.csv`, separated by
# commas, semicolons or tabs, says more about each picture:
#
# ```
# file,Smiling,Eyeglasses
# anna.jpg,1,-1
# ben.jpg,0,1
# ```
#
# 1 is yes, -1 no and 0 unknown. Then:
#
# ```bash
# dcgan train path/to/photos --minutes 30
# dcgan sample runs/photos --count 64 --out grid.png
# ```
#
# A few thousand pictures of one kind of thing work best. With a few hundred the net may learn them by heart: {doc}`04_1_lsun` shows how to find out.
