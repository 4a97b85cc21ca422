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
# # 5.1, appendix · What limits our D?
#
# The diary of a search: why does {doc}`our D <05_1_cifar10>` stay below the paper's? Each trial below is one run, and most are short, so treat them as hints. Their {term}`probe` is small,
# 5,000 labels: compare its numbers with one another only.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from dcgan_core import chapters, pictures
from dcgan_core.claims.ledger import ledger_rows, number
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.runs import Run

chapters.use_style()
ledger = {row["id"]: row for row in ledger_rows() if row["primary"]}

# %% [markdown]
# ## What should the hours go into?
#
# A GPU trains the authors' net on a million pictures, thirty times over. Two cores of a CPU do a small part of that. Is their time best spent on a wide net, on large batches,
# or on many updates? Before the long run we asked the probe. Each row below is a short run of a few minutes.

# %% tags=["hide-input"]
tried = chapters.trial("imagenet32_settings")


def points(row):
    return f"{row['accuracy']:.1f} ({row['low']:.1f} to {row['high']:.1f})"


Table(
    ["D's maps", "batch", "both nets?", "seen", "D's updates", "accuracy, %"],
    [
        [
            ", ".join(map(str, row["widths"])),
            *(
                [
                    row["batch"],
                    "on each" if row["updates"] == "both" else "in turn",
                    f"{row['images']:,}",
                    f"{row['d_updates']:,}",
                ]
                if row["images"]
                else ["", "", "untrained", ""]
            ),
            points(row),
        ]
        for row in tried
    ],
    caption="Short runs: widths, batches and the order of updates against the small probe's accuracy (95 % interval).",
)

# %% [markdown]
# With batches of 32, the net of six layers did better than that of three, which has another kernel and half as many features, too. Of the nets with six, the two with batches of 16 did best: clearly better than with 128, not clearly better than with 32. So our long runs have small batches. Each trains both nets, though the order of updates made no
# difference that these runs could show. We use half of the authors' widths, which takes about a quarter of the arithmetic; the full widths are not in this table.
#
# And what do the hours of a long run buy? Our first one, probed again and again while D trained:


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: accuracy of the small probe against the pictures that D has seen in training. Bars: 95 % intervals over test pictures. Dashed: the same net untrained. Right: how sure D is, in the same run. At 1 it takes no sample for a photograph, and no photograph for a sample.", "name": "fig-probe-curve"}}
course = chapters.trial("imagenet32_curve")
noisy = chapters.trial("imagenet32_noise")
untrained, course = course[0], course[1:]


def label(noise):
    return f"noise, standard deviation {noise}" if float(noise) else "no noise"


def over_training(series):
    """Left: accuracy against pictures seen. Right: how sure D was."""
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
    for noise, rows in series.items():
        x, value, low, high = (
            np.array([row[k] for row in rows])
            for k in ("images", "accuracy", "low", "high")
        )
        error = [value - low, high - value]
        left.errorbar(
            x, value, error, marker="o", capsize=3, label=label(noise)
        )
        right.plot(*np.transpose(noisy["sure"][noise]))
    left.axhline(
        untrained["accuracy"], color="0.4", linestyle="--", linewidth=1
    )
    left.set_xscale("log")
    most = max(rows[-1]["images"] for rows in series.values())
    ticks = [n for n in 32_000 * 2 ** np.arange(6) if n < 1.1 * most]
    left.set_xticks(ticks, [f"{n / 1000:,.0f}k" for n in ticks])
    left.minorticks_off()
    left.set_ylabel("accuracy, %")
    if len(series) > 1:
        left.legend()
    right.set_ylim(0, 1)
    right.xaxis.set_major_formatter(lambda n, _: f"{n / 1000:,.0f}k")
    right.set_ylabel("D(x) − D(G(z))")
    for axis in (left, right):
        axis.set_xlabel("pictures seen")
    plt.show()


over_training({"0": course})


# %% tags=["hide-input"]
def slope(rows):
    """Of the last three points, in words."""
    first, last = rows[-3], rows[-1]
    doublings = np.log2(last["images"] / first["images"])
    gained = (last["accuracy"] - first["accuracy"]) / doublings
    gained = round(gained, 1) + 0.0  # not -0.0
    return f"last three points: {gained:+.1f} points for each doubling"


last = course[-1]
print(slope(course))
passes = last["images"] / last["training_images"]
print(f"at the end, D had seen each of its pictures {passes:.0f} times")

# %% [markdown]
# How to read {numref}`fig-probe-curve`: while the left curve rises, more hours help. Where it is flat, more of the same do not. The right one offers a reason: a D that can tell
# almost every sample from a photograph has little left to learn.
#
# ## What is D so sure of?
#
# Let us ask it about pictures that it has never seen: CIFAR-10's. To us they are small photographs like its own. To D they are fakes, like the samples of its
# own G. Now save the same pictures as JPEG files, open them again, and ask once more.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "D's output for four kinds of pictures, minus the median of its output for its own photographs. Each box: the middle half of the pictures; whiskers: 90 %. Top: D trained as above. Bottom: trained with noise on all that it sees.", "name": "fig-jpeg"}}
_, axes = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True)
for axis, (noise, snapshots) in zip(axes, noisy["logits"].items(), strict=True):
    last = snapshots[-1]
    names = ("whislo", "q1", "med", "q3", "whishi")
    boxes = [
        dict(zip(names, five, strict=True), label=kind, fliers=[])
        for kind, five in last["percentiles"].items()
    ]
    axis.bxp(
        boxes[::-1],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": "lightsteelblue"},
        medianprops={"color": "black"},
    )
    axis.axvline(0, color="0.4", linestyle="--", linewidth=1)
    seen = f"{last['images']:,} pictures seen"
    axis.set_title(f"{label(noise)}, {seen}", fontsize=10)
axes[1].set_xlabel(
    "D before the sigmoid, minus the median for its own photographs"
)
plt.show()


# %% tags=["hide-input"]
def jpeg_row(noise, row):
    apart = -row["percentiles"]["its samples"][2]
    added = row["jpeg_adds"]
    return [
        label(noise),
        f"{row['images']:,}",
        f"{added:+.1f}",
        f"{added / apart:.2f}",
    ]


Table(
    [
        "trained with",
        "pictures seen",
        "saving as JPEG adds to D's output (median)",
        "the same, as a share of the distance from its samples to its photographs",
    ],
    [
        jpeg_row(noise, row)
        for noise, snapshots in noisy["logits"].items()
        for row in snapshots
    ],
    caption="What saving as JPEG does to D's answer.",
)

# %% [markdown]
# Look at the upper panel. The objects are the same, but pictures that D was sure were fake now pass for photographs. The pictures of our {term}`stand-in` are JPEG files
# of 32 × 32 pixels. JPEG cuts a picture into blocks of 8 × 8, and rounds the fine waves in each block away. All photographs that D was shown
# have that trace, and it may be hard for G to draw. The longer D trained without noise, the more JPEG added to its output. So D could tell the two apart without one look at a dog, and dogs are what we
# are after. (It has not learnt its pictures by heart, either: CIFAR-10's, as JPEG, are about as good to it as its own.) The paper's pictures were large files made small. That should
# leave little of such a trace.
#
# How much of D's case is the trace? The table's last column divides what saving as JPEG adds by how far apart D holds its photographs and its samples. At 1, the trace alone would do.
#
# Can a trace so faint be drowned? We began again, with random noise added to all that D sees in training, photographs and samples alike. All else stayed as it was.
# The paper does not do this.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same net, without and with noise. Left: the small probe's accuracy, 95 % intervals over test pictures. Right: how sure D is.", "name": "fig-noise"}}
series = {"0": course}
for row in noisy["probes"]:
    series.setdefault(str(row["noise"]), []).append(row)
over_training(series)

# %% tags=["hide-input"]
for noise, rows in series.items():
    if len(rows) > 2:
        print(f"{label(noise)}, {slope(rows)}")
cleaned, (_, sure) = noisy["cleaned"], noisy["cleaned"]["sure"]
seen = f"{cleaned['images']:,} pictures"
print(
    f"no noise, most of JPEG's blocks taken out of the photographs, {seen}:"
    f" {points(cleaned)}; D(x) - D(G(z)) {sure:.2f}"
)
wide, narrow = noisy["wide"], course[0]
seen = f"{wide['images']:,} pictures"
print(f"the authors' widths, {label(wide['noise'])}, {seen}: {points(wide)}")
seen = f"{narrow['images']:,} pictures"
print(f"half of these widths, no noise, {seen}: {points(narrow)}")

# %% [markdown]
# Compare the curves at equal numbers of pictures. With a little noise D is less sure at nearly all of them, and its features go on improving where the others had stopped.
# With twice as much noise it is even less sure, but its features were no better than without noise: perhaps that much noise hides the dogs, too.
#
# So was it JPEG that had stopped the features? We thought so. Two things speak against it. Look again at the last rows of the table of what saving as JPEG does. D learns to see the trace through the noise as well: in the end the trace's
# share is larger than in the end without noise, and yet D's features got better. And taking most of the blocks out of the photographs changed neither D's sureness nor its features, as
# far as that shorter run went. That D goes by the trace is clear in these runs; that the trace spoils what else it learns is not. What noise clearly did is make D's task harder for longer.
#
# The last two lines, which differ in noise as well, show no gain from twice the width, as far as so short a run can tell. One run each: take the order of the curves as a hint, not as proof.
#
# ## When the curve slows
#
# With noise the curve rose for longer, and then it slowed as well. What helps from there? We went on from two points of such a run, in several ways, and asked the small probe
# again. Pictures and updates are counted from the point that each went on from.

# %% tags=["hide-input"]
late = chapters.trial("imagenet32_late")


def rate(row):
    falls = row["decay_images"]
    if not falls:
        return "as before"
    over = "" if falls == row["images"] else f" over the last {falls:,}"
    return f"falls to zero{over}"


Table(
    [
        "went on from",
        "batch",
        "learning rate",
        "moved, tinted?",
        "further pictures",
        "D's further updates",
        "accuracy, %",
    ],
    [
        [
            f"{row['from']:,}",
            row["batch"],
            rate(row),
            "yes" if row["shift"] else "",
            f"{row['images']:,}",
            f"{row['d_updates']:,}",
            points(row),
        ]
        for row in late["rows"]
    ],
    caption="What helps a run that has slowed down (95 % intervals).",
)

# %% [markdown]
# Smaller steps look good in the first rows: a learning rate that falls, and batches of half the size. Then look at the long run with both. Hundreds of thousands of pictures more, and by this
# probe nothing gained, while D grew surer than ever. More hours of the same did not help.
#
# In the last two rows D's task was made harder in another way. *All* that it sees, photographs and samples alike, is moved by a few pixels, and its brightness, saturation and contrast
# are changed at random {cite}`zhao2020`. The amounts differ each time, so a picture hardly ever comes back as it was. And since photographs and samples are treated alike, G need not
# learn to draw pictures that are moved or tinted.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How sure D is, in the two longest runs that went on from the same point. In both, the learning rate falls at the end.", "name": "fig-late"}}
_, axis = plt.subplots(figsize=(6, 2.8))
names = {"plain": "noise", "disguised": "noise, moved and tinted"}
for kind, name in names.items():
    axis.plot(*np.transpose(late["sure"][kind]), label=name)
axis.set_ylim(0, 1)
axis.xaxis.set_major_formatter(lambda n, _: f"{n / 1000:,.0f}k")
axis.set_xlabel("further pictures")
axis.set_ylabel("D(x) − D(G(z))")
axis.legend()
plt.show()

# %% tags=["hide-input"]
stages = {
    "third": "imagenet32-third",
    "fourth": "imagenet32-fourth",
    "fifth": "imagenet32-fifth",
    "sixth": "imagenet32",
}
both = {
    stage: {
        row["id"]: row
        for row in ledger_rows()
        if row["run"] == run and row["section"] == "5.1"
    }
    for stage, run in stages.items()
}


def full_size(stage, claim_id):
    """What was measured of a stage, with its interval."""
    row = both[stage].get(claim_id)
    return number(row) if row else "not measured"


start = late["rows"][0]["from"]
for i, before in late["first_stage"].items():
    then = f"{before['value']:.1f} at {start:,} pictures"
    print(f"{i}: {then}, {full_size('third', i)} in the last row's run")

# %% [markdown]
# So D stays busy for longer. The last row is the highest, and that run was continued to become the reference run `imagenet32` of {doc}`05_1_cifar10`. Is it the moving and tinting that helped? It may be; these rows do not show it, since they differ by less than their
# intervals, and each is one run. And we chose among the rows by the small probe, whose test pictures are also in the full-size test, which flatters the best of them a little.
#
# ## What limits it, then?
#
# Not the hours alone. So is it the *number* of pictures, or their *kind*? Our D trained on CIFAR-10's own images had more pictures to learn from than the stand-in then held, and they were of the very kind that the probe asks
# about. To tell the two apart, the same net was trained once more, for just as long, on a part of CIFAR-10's images: as many as the stand-in had.

# %% tags=["hide-input"]
few = late["few"]
own = ledger["cifar10.accuracy.own_images"]["details"] or {}
drawn = f"{few['images']:,}"


def held_out(validation):
    best = max(validation.values()) if validation else None
    return "not measured" if best is None else f"{100 * best:.1f}"


Table(
    [
        "D learnt from",
        "pictures seen",
        "small probe, %",
        "all labels, validation set, %",
    ],
    [
        [
            "all of CIFAR-10's",
            drawn,
            "not measured",
            held_out(own.get("validation")),
        ],
        [
            f"{few['pictures']:,} of CIFAR-10's",
            drawn,
            points(few["small"]),
            held_out(few["validation"]),
        ],
        *(
            [
                f"{few['pictures']:,} of the stand-in's",
                f"{row['images']:,}",
                points(row),
                "not measured",
            ]
            for row in noisy["probes"]
            if row["noise"] == 0.1 and row["images"] in (128_000, 257_728)
        ),
    ],
    caption="The number of pictures against their kind.",
)

# %% [markdown]
# With only a third of the pictures, the features were hardly worse. But after about as many pictures seen, D did better when trained on the kind that it is asked about than on the stand-in's. So in runs as short as these the kind
# seems to count, and the number showed no effect. (The last column is accuracy on the training images that choose $C$, at the best $C$. One run each.) Kind is more than what the
# pictures show: CIFAR-10's were not saved as JPEG at this size. And in a run as long as `imagenet32`, the number may well matter: that comes next. The authors' widths were not tried in so long a run.

# %% [markdown]
# ## More pictures
#
# So the run went on three times more, with noise, moving and tinting as before, on *all* of Tiny-ImageNet's training pictures, made smaller from 64 pixels. Each time the learning rate
# falls over the last half. Before, and after:

# %% tags=["hide-input"]
more = late["more"]
Table(
    [
        "pictures of its set",
        "seen in this stage",
        "in all stages",
        "small probe, %",
        "all labels, %",
        "400 labels a class, %",
        "samples' Fréchet distance",
    ],
    [
        [
            f"{row['training_images']:,}",
            f"{row['images']:,}",
            f"{row['all_images']:,}",
            points(row),
            full_size(row["stage"], "cifar10.accuracy"),
            full_size(row["stage"], "cifar10.accuracy_400"),
            "{:.1f} ({:.1f} to {:.1f})".format(*row["frechet"]),
        ]
        for row in more
    ],
    caption="The last four stages of the run `imagenet32`. Fréchet distance: of 5,000 samples, in EfficientNet-lite0's features, from as many pictures of all of Tiny-ImageNet (intervals of ten bootstrap draws, which cover about 80 %).",
)

# %% tags=["hide-input"]
for name in ("cifar10.above_kmeans", "cifar10.above_kmeans_400"):
    said = (f"{stage} stage: {full_size(stage, name)}" for stage in stages)
    print(f"{name}:", *said, sep="\n  ")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same z after each of the last four stages, not selected.", "name": "fig-imagenet-stages"}}
image_rows.strips(
    [
        (stage, pictures.tiles(Run.reference(run).path / "grid.webp", 32)[:8])
        for stage, run in stages.items()
    ]
)

# %% tags=["hide-input"]
for row in late["scratch"]:
    print(
        f"a net from the start on all 100,000 pictures: {row['accuracy']} % after {row['images']:,} pictures"
    )

# %% [markdown]
# The last two lines are by the small probe, of a net that learnt from all the pictures from the start, with noise, neither moved nor tinted. Early on it was about as good as the one that learnt from the small set ({numref}`fig-noise`), later it seems to have been ahead; one run each, not probed at equal numbers. It was not continued. One in which all is moved and tinted from the first picture on was not tried.
#
# From stage to stage (the table above), each gain with all labels is small, the last one next to none: the intervals of neighbouring stages overlap. The comparison with K-means is sharper, since both are scored on the same test images. D was clearly behind; since the fourth stage ten thousand test images
# cannot tell which of the two is ahead. With 400 labels a class, where it led before, its lead has grown each time. Are the new pictures the reason? That is likely, not shown. Hundreds of thousands of pictures more of the
# *old* set had gained nothing by the small probe (the long run in the table above), but in that run nothing was moved or tinted; and the new pictures were scaled down from different files. One run each, again.
#
# The samples changed more than the features: in their Fréchet distance from photographs of the whole set the stages are far apart, and in {numref}`fig-imagenet-stages` more and more of them look like a picture of *something*. Part of the step to the fourth stage may come from how the old pictures were scaled down: the third stage had learnt to
# draw pictures like them.
#
# By a rule written while they trained, the fifth and the sixth stage were each to ship if they did better than the stage before on the pictures that choose $C$; so test pictures had no part in that choice. Both did, by less than chance can move such a number (and the features of the fifth and the sixth were computed in bf16, the fourth's in single precision). With all labels, neither the test images nor the small probe shows that gain of the sixth; with 400 labels a class, and in its samples, it went on improving.
#
# In the three stages together each of the new pictures was seen about eleven times. So with few labels, and for the samples, there may be more in them, for whoever has the hours; with all labels this net, half as wide as the authors', may be near its end. The authors' D saw more than ten times as many, thirty times over.
