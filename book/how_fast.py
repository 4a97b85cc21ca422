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
# # How fast?
#
# **The question:** how fast is this library, against what you would use instead, and how does that change as everything grows?
#
# The numbers are from `make bench`, which is meant for a machine that does nothing else. The two sides of a comparison ran in turn, ours and theirs, pair by pair, so that whatever else the machine did affected both. A ratio is the
# median over the pairs, followed in brackets by the lowest and the highest pair.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from dcgan_core import chapters
from dcgan_core.figures.tables import Table

chapters.use_style()
measured = chapters.trial("benchmarks")
ROWS = measured["rows"]


def having(*keys, **values):
    """The rows that have all these keys, and these values."""
    return [
        row
        for row in ROWS
        if all(key in row for key in keys)
        and all(row.get(key) == value for key, value in values.items())
    ]


def ratio(row):
    """A ratio with the lowest and the highest pair."""
    middle, low, high = (
        f"{x:.2f}" if x < 10 else f"{x:.0f}"
        for x in (row["value"], row["low"], row["high"])
    )
    return f"{middle} ({low}\u00a0to\u00a0{high})"


def duration(seconds):
    """With a space that does not break."""
    if seconds < 1:
        return f"{seconds * 1000:.3g}\u00a0ms"
    return f"{seconds:.3g}\u00a0s"


def not_measured(axis):
    axis.text(0.5, 0.5, "not measured", ha="center", transform=axis.transAxes)
    axis.set(xticks=[], yticks=[])


machine = measured["environment"]["machine"]
print(
    f"Measured on {machine['cores']} cores of {machine['processor']}, GPU: {machine['gpu'] or 'none'};"
    f" PyTorch {measured['environment']['versions']['torch']}."
)
best = {size: having("of_sgemm", size=size, kernel=4) for size in (64, 32)}
for size, rows in best.items():
    if rows:
        middle = np.median([row["value"] for row in rows])
        print(
            f"One update at {size} pixels: the tutorials' loop (explained below) takes {middle:.2f} times as long (median over {len(rows)} batch sizes)."
        )

# %% [markdown]
# ## Against what you would use instead

# %% tags=["hide-input"]
others = [
    row
    for row in having("ours", "theirs")
    if "idea" not in row and ("of_sgemm" not in row or row["batch"] == 64)
]
Table(
    ["what else", "ours", "theirs", "theirs / ours", "pairs"],
    [
        [
            row["what"],
            duration(row["ours"]),
            duration(row["theirs"]),
            ratio(row),
            str(row["n"]),
        ]
        for row in others
    ],
    caption="Above one: ours is faster.",
)

# %% [markdown]
# - **The tutorials' loop** is that of PyTorch's own DCGAN tutorial and of others modelled on it: `benchmarks/tutorial.py`. It has the same nets, losses and updates as ours: a test compares them. Ours keeps
#   images with their channels last, computes losses from logits, asks for no gradients of D's weights while G learns, runs Adam as one operation, and reads numbers off the
#   device only for a row of the log.
# - **ImageFolder and DataLoader** decode every picture in every epoch. Ours decodes it once and keeps the pixels: the first
#   epoch takes a little longer, later ones only read.
# - **LinearSVC** is scikit-learn's liblinear. Both minimise the same function; how low each came is printed below ({doc}`05_1_cifar10` has more).
# - **scikit-learn's 1-NN** is its brute force in single precision. Ours counts in whole numbers, so it is exact.

# %% tags=["hide-input"]
for row in having("objective"):
    print(
        f"SVM, {row['x']:,.0f} labels: LinearSVC's objective is {row['objective']:.6f} times ours"
    )
for row in having("equal"):
    print(
        f"1-NN, {row['x']:,.0f} references: {row['equal']:.1%} of the answers are the same"
    )

# %% [markdown]
# ## One update

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: how many times as long the tutorials' update takes as ours. Bars: the lowest and the highest pair. Right: operations a second in our update, as a share of what a product of two large matrices (*sgemm*) reaches.", "name": "fig-fast-update"}}
figure, (times, share) = plt.subplots(1, 2, figsize=(9, 3.4))
for k, (size, kernel) in enumerate(((64, 4), (64, 5), (32, 4), (32, 5))):
    rows = having("of_sgemm", size=size, kernel=kernel)
    if not rows:
        continue
    x, y = ([row[key] for row in rows] for key in ("batch", "value"))
    spread = [
        [row["value"] - row["low"] for row in rows],
        [row["high"] - row["value"] for row in rows],
    ]
    label = f"{size} px, kernel {kernel}"
    x = [batch * 1.05 ** (k - 1.5) for batch in x]  # bars side by side
    style = {"marker": "os^D"[k], "markersize": 5, "label": label}
    times.errorbar(x, y, spread, capsize=2, **style)
    share.plot(x, [row["of_sgemm"] * 100 for row in rows], **style)
times.axhline(1, color="0.7", zorder=0)
times.set_ylabel("tutorials' / ours")
share.set_ylabel("% of sgemm")
share.set_ylim(0, 100)
for axis in (times, share):
    if not having("of_sgemm"):
        not_measured(axis)
        continue
    axis.set_xscale("log", base=2)
    axis.set_xticks([16, 32, 64, 128, 256], [16, 32, 64, 128, 256])
    axis.set_xlabel("batch")
if having("of_sgemm"):
    share.legend(loc="lower right")
plt.show()

# %% [markdown]
# What keeps it from being faster still? Most of an update is inside the convolutions, as the table below says, which are the processor maker's code (oneDNN). Only the rest could be won by better code of ours. Among
# convolutions, those next to the image (three channels) and those at 4 x 4 pixels reach the smallest share of sgemm (the product of two large matrices).

# %% tags=["hide-input"]
Table(
    ["of an update at batch 32", "64 px", "32 px"],
    [
        [
            kind,
            *(
                f"{row['value']:.1f} %"
                for size in (64, 32)
                for row in having(kind=kind, size=size)
            ),
        ]
        for kind in dict.fromkeys(row["kind"] for row in having("kind"))
    ],
    caption="Where the time goes, by PyTorch's profiler.",
)

# %% tags=["hide-input"]
Table(
    ["layer, at 64 px and batch 32", "forwards and backwards", "% of sgemm"],
    [
        [row["layer"], duration(row["seconds"]), f"{row['value']:.0f}"]
        for row in having("layer")
    ],
    caption="What each convolution reaches, products with the padding counted.",
)

# %% [markdown]
# Other ideas, tried in the same way. None is in the library: where a number is above one, the gain was too small to be worth extra code, or results that change in their last digits.
# `away` is by how much a loss of the third update differs from the plain update's.

# %% tags=["hide-input"]
Table(
    ["idea", "px", "times as fast", "away"],
    [
        [
            row["idea"],
            str(row["size"]),
            ratio(row) if "low" in row else f"{row['value']:.2f}",
            f"{row['away']:.1g}" if "away" in row else "",
        ]
        for row in having("idea")
    ],
    caption="What would make an update faster, or would not.",
)

# %% [markdown]
# `torch.compile` was slower on this kind of processor when it was tried. On a GPU, neither it nor CUDA graphs nor anything else here was measured. To measure there: `make bench`,
# and for a recipe `dcgan train faces --profile paper --dry-run`.
#
# ## How it grows
#
# On log axes a straight line is a power, and its slope the exponent: 1 means that twice as much takes twice as long.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Seconds against how much there is, on log axes; in the legends the slope. Batch: 64 pixels, kernel 4.", "name": "fig-fast-growth"}}
GROWTH = {
    "batch": "images in a batch",
    "width": "times the widths of small32",
    "size": "pixels on a side",
    "pictures": "JPEG files prepared",
    "labels": "labels of an SVM",
    "references": "references of a 1-NN",
    "codes": "codes grouped",
}


def points(what):
    """Name -> x and seconds."""
    if what == "batch":
        rows = having("of_sgemm", size=64, kernel=4)
        x = [row["batch"] for row in rows]
        kinds = {"ours": "ours", "theirs": "theirs"}
    else:
        rows = having("x", growth=what)
        x = [row["x"] for row in rows]
        both = bool(rows) and "theirs" in rows[0]
        kinds = {"ours": "ours", "theirs": "theirs"} if both else {"": "value"}
    return {
        name: (x, [row[key] for row in rows])
        for name, key in kinds.items()
        if rows
    }


figure, axes = plt.subplots(4, 2, figsize=(8, 9))
slopes = []
for axis, (what, label) in zip(axes.flat, GROWTH.items(), strict=False):
    for name, (x, y) in points(what).items():
        fitted = np.polyfit(np.log(x), np.log(y), 1)[0]
        last = np.log(y[-1] / y[-2]) / np.log(x[-1] / x[-2])
        slopes.append(
            [f"{label}, {name}".strip(", "), f"{fitted:.2f}", f"{last:.2f}"]
        )
        axis.loglog(x, y, "o-", label=f"{name} {fitted:.2f}".strip())
        axis.legend(fontsize=9)
    axis.set_xlabel(label)
    if not points(what):
        not_measured(axis)
        continue
    corners = [(x[i], y[i]) for x, y in points(what).values() for i in (0, -1)]
    ends = [(min(v), max(v)) for v in zip(*corners, strict=True)]
    axis.set_xticks(
        ends[0], [f"{v:,.0f}" if v >= 1 else f"{v:g}" for v in ends[0]]
    )
    axis.set_yticks(ends[1], [duration(v) for v in ends[1]])
    axis.minorticks_off()
axes.flat[-1].set_axis_off()
plt.show()

# %% tags=["hide-input"]
Table(
    ["seconds against", "slope", "between the last two"],
    slopes,
    caption="A slope of one is linear.",
)

# %% [markdown]
# Where it is not linear, and why:
#
# - **Batch.** Below some tens of images a part of the time does not depend on the batch: Adam's pass over the weights, Python itself. So the slope is below one at first, and
#   about one later; with the largest batches above it, perhaps as their maps no longer fit the
#   processor's cache (not measured).
# - **Width.** Operations grow with the square of the width. Narrow nets do not fill the processor's wide instructions, and their time goes into reading maps, which grows with the width
#   itself. So the slope is about one at first, and nears two.
# - **Size.** Pixels grow with the square of the side, and the default net gets a layer more for each doubling.
# - **Pictures.** The same work for each. These are single runs, and they scatter.
# - **Labels.** Where there are fewer labels than features, ours needs only the inner products of images. The number of these products grows with the square of the number of labels, so the slope climbs from below one towards
#   two. liblinear passes over all features, as often as it needs.
# - **References.** The same work for each. Why our time grows a little more slowly than their number was not measured.
# - **Codes.** Sorting; it bends where the codes no longer fit the cache ({doc}`04_1_lsun`).
#
# ## Memory

# %% tags=["hide-input"]
Table(
    ["what", "MB"],
    [
        [
            row["what"].removeprefix("memory of ").removeprefix("memory "),
            f"{row['value']:,.0f}",
        ]
        for row in having("whose")
        if row["unit"] == "MB"
    ],
    caption="The most memory that a process held beyond what it held before. A DataLoader's worker processes are not counted.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A run of two thousand updates by the whole loop: what the process holds, and updates a second, at each row of the log.", "name": "fig-fast-long"}}
figure, (held, speed) = plt.subplots(1, 2, figsize=(9, 2.8))
for row in having("per_second"):
    held.plot(row["updates"], row["mb"])
    speed.plot(row["updates"], row["per_second"])
    held.set_ylim(0, max(row["mb"]) * 1.1)
    speed.set_ylim(0, max(row["per_second"]) * 1.1)
    held.set_title(f"{row['value']:+.2f} MB in a thousand updates")
if not having("per_second"):
    not_measured(held)
for axis, label in ((held, "MB"), (speed, "updates a second")):
    axis.set_xlabel("updates")
    axis.set_ylabel(label)
plt.show()

# %% [markdown]
# ## Sampling and importing

# %% tags=["hide-input"]
Table(
    [
        "generator",
        "images a second",
        "times as fast as in PyTorch's default format",
    ],
    [
        [row["run"], f"{row['images_per_second']:,.0f}", ratio(row)]
        for row in having("run", "images_per_second")
    ],
    caption="Sampling from the shipped generators, 256 images.",
)

# %% tags=["hide-input"]
Table(
    ["a process", "median", "least", "most"],
    [
        [
            row["importing"],
            *map(duration, (row["value"], row["low"], row["high"])),
        ]
        for row in having("importing")
    ],
    caption="A whole process, Python's own start with it. The library imports PyTorch only once something needs it.",
)

# %% [markdown]
# ## Many processes, many GPUs
#
# Two processes of one thread each, which average their gradients, against one process with two threads: images a second, as a share. On one machine nothing is won by it; what is shown is how little
# the averaging costs.

# %% tags=["hide-input"]
Table(
    ["two processes of one thread", "of one with two threads"],
    [
        [f"batch {row['batch']}", ratio(row)]
        for row in ROWS
        if row.get("part") == "processes"
    ],
    caption="Data-parallel training over gloo, 64 pixels, kernel 4.",
)

# %% [markdown]
# **On paper.** No GPU was at hand. But the operations of an update can be counted, and what a GPU does in a second is stated by its maker (NVIDIA H100 SXM, bf16, NVLink). Such nets reach a part of
# that; which part is a guess, so here are two: a tenth, and four tenths. The averaging of gradients is reckoned as if nothing else went on meanwhile.

# %% tags=["hide-input"]
Table(
    [
        "recipe, GPUs",
        "images",
        "minutes at 10 %",
        "minutes at 40 %",
        "images a second it would read at 40 %",
    ],
    [
        [
            f"{row['recipe']}, {row['gpus']}",
            f"{images['images']:,}",
            f"{60 * row['value']:.1f}",
            f"{60 * row['least']:.1f}",
            f"{row['images_per_second']:,.0f}",
        ]
        for row in having("gpus")
        for images in having("numbers", recipe=row["recipe"])
    ],
    caption="LSUN and ImageNet at the paper's size, reckoned, not measured.",
)

# %% tags=["hide-input"]
for row in having(epoch="later"):
    print(
        f"Here the loader gives {row['images'] / row['ours']:,.0f} prepared images a second (64 pixels)."
    )

# %% [markdown]
# ## The book itself
#
# A chapter is executed again only when something changed that it read while it ran: a function that it called, a file that it opened, a data set that it looked for. `make book` says what. Up to
# four chapters run side by side, one for each core; then each chapter takes longer, but the whole book takes less time.

# %% tags=["hide-input"]
Table(
    ["`make book`", "seconds", "chapters executed"],
    [
        [
            row["what"].removeprefix("make book: ")
            + (" (reckoned)" if row.get("reckoned") else ""),
            f"{row['value']:.0f}",
            str(row.get("chapters", "")),
        ]
        for row in ROWS
        if row.get("part") == "book"
    ],
    caption="How long the book takes, on the machine above.",
)
