# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Instability
#
# **The claim:** DCGANs are more stable than the GANs before them, but not stable for good. Trained longer, "a subset of filters" sometimes
# collapses to a single oscillating mode (§7 of the paper, which shows no picture of it).
#
# In this chapter you make a net collapse, see it noticed while it happens, and learn what to do then.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seed = 0
device = "auto"

# %% [markdown]
# ## A collapse, on purpose
#
# Where there are no photographs, chapter 4 trains a net with 64 and 128 maps on scikit-learn's digits, and it learns. Here is the same net at half the width. Nothing else is
# different.

# %% tags=["remove-stderr"]
import tempfile
from pathlib import Path

from IPython.display import display

from dcgan_core import (
    ablations,
    claims,
    configs,
    datasets,
    instability,
    plots,
    recipes,
    runs,
    training,
)

config = configs.override(
    recipes.recipe("digits", "quick"),
    ["architecture.widths=32,64", "images=48000", f"seed={seed}"],
)
data = datasets.load(config.data, config.architecture.size)
about = {"data": {"name": data.name, **data.provenance}}
run = runs.Run.create(
    Path(tempfile.mkdtemp()) / "collapse",
    {"config": configs.to_dict(config), **about},
)
training.CHECKPOINT_SECONDS = 1.0  # a short run: keep its state more often
grids, alarms = {}, []


def keep(event):
    if event.samples is not None and event.images > max(grids, default=0):
        grids[event.images] = event.samples
    if event.alarm is not None:
        alarms.append(event.alarm)


try:
    training.train(config, data, run, device, on_event=keep)
    print("This time it did not collapse. Try another seed.")
except instability.Collapsed as stopped:
    print("Training stopped itself.\n")
    print(str(stopped).replace(f"{run.path}", run.name))

# %% mystnb={"figure": {"caption": "The same twelve z as training goes on, and the digits that D was shown.", "name": "fig-collapse-samples"}}
shown = [
    (f"{images:,}", samples[:12]) for images, samples in sorted(grids.items())
]
plots.strips([*shown, ("data", data.images[:12])])

# %% mystnb={"figure": {"caption": "Left and middle: losses and D's answers until training was stopped. Right: how much samples differ from each other, as a share of what digits do. Dotted lines: reported. Solid: stopped.", "name": "fig-collapse-curves"}}
plots.collapse_curves(run.log(), alarms)

# %% [markdown]
# Read {numref}`fig-collapse-curves` from right to left. First the samples become alike: every z draws nearly the same grey. *Then* D, which had
# taken some samples for digits, learns that this one image is never a digit. Its loss goes to 0, and G's climbs. A log without the right panel shows only that last part,
# and D gets the blame.
#
# It does not heal here. D's gradient says "away from here" to all z at once, and a G that has all but lost its z can only move
# all of its images together.
#
# ## How it is noticed
#
# Two signs are read off the log, and a third needs no patience:

# %%
import inspect

print(inspect.getsource(instability.signs))
print("rows of the log, each 25 updates:")
print(f"a sign that lasts {instability.WARN} is reported,")
print(f"one that lasts {instability.STOP} ends the run (on_collapse='stop')")

# %% [markdown]
# Losses that are not numbers end a run at once. When a run ends like this, the last state from before the first sign becomes the run's own, with
# both nets ready to draw:

# %% mystnb={"figure": {"caption": "What was kept: the last state without any sign.", "name": "fig-collapse-kept"}}
from dcgan_core import latent

if run.info["status"] == "collapsed":
    print(f"kept: after {run.info['counters']['images']:,} images")
z = ablations.fixed_z(config.architecture, seed)[:12]
plots.show(latent.draw_pixels(run.generator(), z), columns=12, zoom=3)

# %% [markdown]
# This run went wrong so early that there is not much to keep. In one that goes wrong late, everything up to that point is kept: a new run can start there,
# with other settings.
#
# ## Does it cry wolf?
#
# A D that is often right is no collapse, nor is a batch whose images happen to be alike. Here is how near the book's own runs, none of which collapsed, came to the two
# limits, at their worst. (Some logs are older than the second sign, and say nothing about it.) A report at the very start may pass: that is why it takes four
# times as long until a run is ended.

# %% tags=["hide-input"]
rows = []
for reference in runs.reference_runs():
    log = reference.log()
    windows = [
        log[i : i + instability.WARN]
        for i in range(len(log) - instability.WARN + 1)
    ]
    if not windows:
        continue
    surest = max(
        sum(r["d_real"] - r["d_fake"] for r in w) / len(w) for w in windows
    )
    least = ""
    if "diversity" in log[0]:
        alike = (sum(r["diversity"] for r in w) / len(w) for w in windows)
        least = f"{min(alike):.2f}"
    watch = instability.Watch()
    reported = [a for a in map(watch.add, log) if a]
    rows.append(
        [reference.name, len(log), f"{surest:.3f}", least, len(reported)]
    )
limit = 2 * instability.SURE - 1
header = [
    "run",
    "rows",
    f"D(x) − D(G(z)), limit {limit:.2f}",
    f"diversity, limit {instability.ALIKE:g}",
    "reported",
]
plots.Table(header, rows)

# %% [markdown]
# And the other way round: short runs on the digits that were *made* to go wrong, by several means. Whether a run had collapsed was judged on its
# samples alone, by the rule of {doc}`03_architecture`, which knows nothing of the log. The limit for samples that are much alike was chosen on such runs; these
# have other seeds.

# %%
detected = [r for r in claims.ledger() if r["id"] == "instability.detected"]
claims.scoreboard(detected)

# %% tags=["hide-input"]
details = detected[0]["details"]
if details:
    rows = [
        [what, *(f"{n} of {of}" for n, of in (count, details["alarms"][what]))]
        for what, count in details["collapsed"].items()
    ]
    share, low, high = details["false_alarms"]
    print(
        f"false alarms: {share:.2f} ({low:.2f} to {high:.2f})"
        f" of {details['healthy_runs']} healthy runs"
    )
    display(plots.Table(["by what means", "collapsed", "reported"], rows))

# %% [markdown]
# ## The oscillating mode
#
# If images oscillate, the image of a fixed z *comes back*: after two steps it is nearer to where it was than after one. Images that wander
# at random are 1.4 times as far away after two steps, images that drift one way twice as far. So `dcgan ablate` is followed by a search of all its runs ({doc}`03_architecture`,
# {doc}`04_training`), at their ends, 25 updates a step, for runs where more than half of the z came back.

# %% tags=["hide-input"]
rows = ablations.returning()
searched = sum(row[1] for row in rows)
found = [row for row in rows if row[2]]
if not searched:
    print("Not searched: no ablations ship with this copy.")
elif not found:
    print(f"Not found: in none of {searched} runs.")
else:
    print(f"Found in {sum(row[2] for row in found)} of {searched} runs:")
    display(plots.Table(["runs", "searched", "found"], found))

# %% [markdown]
# The search sees whole images of short runs; the paper speaks of some filters and of longer training. So a find in nets that collapse (the table above this section names
# them) is not yet the paper's mode: there all z share one image, and it is enough that its shade swings. And not finding it does not mean that it is not there.
#
# ## D's loss goes to 0: what now?
#
# The question that users of every DCGAN ask. In this order:
#
# 1. **Look at the samples, not at the loss.** If they differ from each other and still get better, nothing is wrong. D may be nearly sure of itself
#    for long; see the book's own runs above.
# 2. **All alike, and no change?** Then it is over for this run, and waiting does not help. Check the guidelines of {doc}`03_architecture` first: batchnorm where it
#    belongs, no learning rate above 0.0002, `beta1` at 0.5. Then try **wider nets** (with the digits above that was enough, for this seed) and another seed.
# 3. **Different, but noise?** D has won early. Give it less of an advantage: more data if there are only a few hundred images, narrower
#    nets, a smaller learning rate. Start again from the kept state.
# 4. **Not a number?** The learning rate is too high.
# 5. **Never** compare loss values of two runs. Compare samples.
#
# ```bash
# dcgan train faces --init runs/faces --set learning_rate=0.0001 --out runs/again
# dcgan train faces --resume --set on_collapse=warn
# ```
#
# The first starts anew from what was kept; the second goes on all the same and only reports.
#
# ## Exercises
#
# 1. Train the net above with other seeds. How often does it collapse, and how long before the stop was it reported?
# 2. Is width what decides? Try 48 and 96 maps, and 64 and 128 for as many images.
# 3. Make `instability.STOP` 10. Which of the runs that you know would it have ended for nothing?
#
# <details>
# <summary>What to look for</summary>
#
# For the third, replay a log: `watch = instability.Watch(); [watch.add(row) for row in run.log()]` gives the alarm of each row, or None. A sign at the
# start of a run often passes; patience is what tells a bad beginning from an end.
#
# </details>
