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
# # 6.1 · Walking in the latent space
#
# **The claim:** on the way from one random z to another, images change smoothly and every one of them is plausible: things come and go without sharp transitions. Sharp jumps would
# be a sign that the net has memorised single images.
#
# The paper walks through bedrooms, along a series of nine random points (its Fig 4). We walk through faces first, then through rooms. Move the slider.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import base64
import html
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display
from PIL import Image

from dcgan_core import chapters, devices, latent, networks
from dcgan_core.claims import claim, ledger
from dcgan_core.data import loading
from dcgan_core.drawings import scenes
from dcgan_core.figures import image_rows, sliders
from dcgan_core.metrics import neighbours, walks
from dcgan_core.pictures import encode, grid, show
from dcgan_core.probes.features import pooled_features
from dcgan_core.runs import Run

chapters.use_style()


def walk_slider(generator, stops, *, frames=9):
    """One slider on a walk through the points `stops` (N x latent) and back.

    `frames` images a stretch.
    """
    ring = torch.cat([stops, stops[:1]])

    def draw(positions):
        place = torch.from_numpy(positions) * len(stops)  # K x 1
        i = place.long().clamp_max(len(stops) - 1)
        start, end = ring[i.flatten()], ring[i.flatten() + 1]
        z = torch.lerp(start, end, place - i)
        return latent.generate_pixels(generator, z)

    ranges = {"position": (0.0, 1.0, frames * len(stops) + 1)}
    return sliders.sliders(draw, ranges, {"position": 0.0})


# %% mystnb={"figure": {"caption": "A walk through six random faces and back to the first.", "name": "fig-walk-slider"}}
run = Run.reference("faces")  # your own: Run("../runs/faces")
generator = run.generator(devices.pick(device))
rng = torch.Generator().manual_seed(seed)
stops = latent.sample(generator.architecture, 6, rng)
walk_slider(generator, stops)

# %% [markdown]
# The slider goes through six random points and back to the first. Nowhere on the way is there a cut from one face to the next. Hair
# changes its colour, the light changes, glasses come and go. Where the face at a point is poor, those near it are poor, too.
#
# ## Six walks, side by side

# %% mystnb={"figure": {"caption": "Each row is a straight line from a random z (left) to another (right), in the manner of the paper's Fig 4.", "name": "fig-walks"}}
start, end = (
    latent.sample(generator.architecture, 6, rng),
    latent.sample(generator.architecture, 6, rng),
)
z = latent.walk(start, end, 12)  # 6 x 12 x 100
images = latent.generate_pixels(generator, z.flatten(0, 1))
show(images, columns=12, zoom=1)

# %% [markdown]
# And through rooms, as in the paper: nine random points, one after another.

# %% mystnb={"figure": {"caption": "The paper's Fig 4 in our hands: a walk through nine random points of the run `rooms`. Each row goes from one point to the next, and the row below goes on from there.", "name": "fig-walk-rooms"}}
rooms = Run.reference("rooms").generator(devices.pick(device))
nine = latent.sample(rooms.architecture, 9, rng)
z = latent.walk(nine[:-1], nine[1:], 12)  # 8 x 12 x 100
show(latent.generate_pixels(rooms, z.flatten(0, 1)), columns=12, zoom=1)

# %% [markdown]
# The paper's caption says that every image on its walks passes for a bedroom; that in one row a window grows where there was none, and that in
# another what looks like a TV becomes a window. Ask the same of ours: is there a place on the way that no longer passes for a face, or for a room?
#
# The six walks through faces, moving:


# %% tags=["hide-input"]
PAUSED = """<style>
.dcgan-moving .dcgan-still{display:none}
.dcgan-moving:has(:checked) .dcgan-animation{display:none}
.dcgan-moving:has(:checked) .dcgan-still{display:inline}
@media(prefers-reduced-motion:reduce){
.dcgan-moving .dcgan-animation,.dcgan-moving label{display:none}
.dcgan-moving .dcgan-still{display:inline}}
</style>"""


def animation(frames, label, zoom=2):
    """A picture that moves forth and back by itself, without a script.

    frames: uint8 H x W x 3 each. It can be paused, and stands still for
    whoever has asked their device for less motion.
    """
    rest = [*frames[1:], *frames[-2:0:-1]]
    moving = {"append_images": [Image.fromarray(frame) for frame in rest]}
    moving |= {"save_all": True, "duration": 60, "loop": 0, "method": 2}
    sources = [
        base64.b64encode(encode(frames[0], "webp", quality=75, **options))
        for options in (moving, {})
    ]
    size = f"width:{frames[0].shape[1] * zoom}px;max-width:100%"
    style = f'style="{size};image-rendering:pixelated"'
    images = "".join(
        f'<img class="dcgan-{kind}" {style} alt="{html.escape(label)}"'
        f' src="data:image/webp;base64,{source.decode()}">'
        for kind, source in zip(("animation", "still"), sources, strict=True)
    )
    switch = '<label><input type="checkbox"> stand still</label>'
    return HTML(f'<div class="dcgan-moving">{PAUSED}{images}<br>{switch}</div>')


# %%
z = latent.walk(start, end, 40).transpose(0, 1)  # 40 x 6 x 100
moving = latent.generate_pixels(generator, z.flatten(0, 1))
moving = moving.reshape(40, 6, *moving.shape[1:])
animation(
    [grid(frame, 6, gap=1) for frame in moving],
    "six faces, each turning smoothly into another and back",
    zoom=1.5,
)

# %% [markdown]
# Compare that with fading one picture into the other. In a cross-fade you see two faces at once, one through the other. In a walk you
# always see one face, and it changes.

# %% mystnb={"figure": {"caption": "From one face to another: through z, and by cross-fading the pixels. Look at the middle of each row.", "name": "fig-crossfade"}}
t = np.linspace(0, 1, 12)[:, None, None, None]
pair = 3  # of unlike ends
walk = images[12 * pair : 12 * (pair + 1)]
fade = np.round(walk[0] * (1 - t) + walk[-1] * t).astype(np.uint8)
image_rows.strips([("walk", walk), ("cross-fade", fade)])

# %% [markdown]
# ## Smooth, by the numbers
#
# Take sixteen steps from one z to another, and measure how far the image moves in each, as a share of the distance between the two ends. A
# jump would be one step of 1 and fifteen of 0. A cross-fade moves evenly, 1/16 each time. Where does a walk lie?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How far the image moves in each step, in pixels and in D's features. Lines: median of many walks. Band: the middle 90 % of the walks.", "name": "fig-steps"}}
seen = partial(pooled_features, run.discriminator(devices.pick(device)))
_, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
steps = np.arange(1, 17)
for axis, features in zip(axes, (None, seen), strict=True):
    way = {"pairs": 30, "steps": 16, "seed": seed, "features": features}
    shares = walks.walk_steps(generator, **way)
    fade = walks.walk_steps(generator, **way, fade=True)
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95], axis=0)
    axis.fill_between(steps, low, high, alpha=0.2, linewidth=0)
    axis.plot(steps, middle, label="walk through z")
    axis.plot(steps, np.median(fade, 0), "--", color="0.4", label="cross-fade")
    axis.plot(
        steps,
        (steps == 8).astype(float),
        color="tab:red",
        linewidth=1,
        drawstyle="steps-mid",
        label="a jump in the middle",
    )
    axis.set_xlabel("step")
    axis.set_xticks([1, 4, 8, 12, 16])
axes[0].set_ylabel("share of the way")
axes[0].set_ylim(0, 1.05)
axes[0].set_title("pixels", fontsize=10)
axes[1].set_title("D's features", fontsize=10)
axes[1].legend(bbox_to_anchor=(1, 1), loc="upper left")
plt.show()

# %%
ledger.demonstrate("walk.smoothness", run, device, seed)

# %%
ledger.demonstrate("walk.smoothness.features", run, device, seed)

# %% [markdown]
# The number is the largest of the sixteen steps, averaged over walks. A walk is not as even as a cross-fade: it leaves the straight
# line between the two images, so its steps add up to more than the direct way, and some stretches change faster than others. But its
# largest step is far from a jump.
#
# Pixels do not see what an eye sees. So the same is measured in the features of D, of all its conv layers, as the paper uses them in its
# section 5. In them every way is a detour, a cross-fade too: its overlays look like neither of the two ends. And still no step comes near
# a jump.
#
# But smoothness proves nothing, so no rule asks for it: a net is a continuous function, and with small enough steps *every* generator is smooth. One that has learnt nothing is smoother still:

# %%
untrained = networks.build(run.architecture, seed)[0].to(devices.pick(device))
largest = walks.walk_smoothness(untrained.eval(), pairs=40, seed=seed)
print(f"an untrained net's largest step: {largest.value:.3f}")

# %% [markdown]
# The claim is a different one: that the images on the way are plausible, and that things come and go without sharp transitions.
#
# ## Are they plausible? Do things come and go?
#
# In photographs only your eyes can tell ({numref}`fig-walks`). For drawn rooms there is a {term}`judge`: it gives the probability that a picture shows a window, a bed and so on. Where it says between 10 and 90 %, we call it unsure:
# the picture shows neither a clear window nor a clear wall. Is it unsure more often on the way than at the ends? And where two rooms differ in several things, do they change in more than one step, or all at once, as if the net cut from one room that it knows by
# heart to the next?

# %%
rooms_run = Run.reference("drawn-rooms")
ledger.demonstrate("walk.plausible", rooms_run, device, seed)

# %%
ledger.demonstrate("walk.objects", rooms_run, device, seed)

# %% tags=["hide-input"]
details = ledger.known("walk.objects", rooms_run, device, seed)["details"]
print(
    f"unsure answers: {details['unsure_between']:.1%} on the way, {details['unsure_at_the_ends']:.1%} at the ends"
)
print(
    f"changes along a walk: {details['changes']:.1f}; its ends differ in {details['changes_needed']:.1f}"
)

# %% [markdown]
# In this net things do come and go, and more often than they must. On the way the judge is unsure a little more often than at the ends; the rule allows three more answers in a hundred. That
# was one net. The same recipe, trained again from other seeds:

# %% tags=["hide-input"]
ledger.each_net("walk.plausible", "walk.objects")

# %% [markdown]
# Both numbers are much the same in each of them. Of nets that learnt from photographs they say nothing.
#
# ## Do we meet training images on the way?
#
# If the net had memorised images, the walk would lead from one to the next. So ask at each step: how far is the nearest image of the
# training set? For comparison: how far is a held-out image, which the net has never seen, from its own nearest training image?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Median distance to the nearest of all training images along straight and spherical walks. Dashed: the same for held-out images.", "name": "fig-walk-nearest"}}
portraits = Run.reference("drawn-portraits")
_, axes = plt.subplots(1, 2, figsize=(9, 2.8))
for axis, which in zip(axes, (run, portraits), strict=True):
    details = ledger.known("walk.nearest", which, device, seed)["details"]
    for path in ("straight", "spherical"):
        place = np.linspace(0, 1, len(details[path]))
        axis.plot(place, details[path], label=f"{path} walk")
    axis.axhline(
        details["held_out"], color="0.4", linestyle="--", label="held out"
    )
    axis.set_ylim(0, details["held_out"] * 1.25)
    axis.set_xlabel("place on the walk")
    axis.set_title(which.name, fontsize=10)
axes[0].set_ylabel("distance (0 to 1)")
axes[0].legend(loc="lower left")
plt.show()

# %%
ledger.demonstrate("walk.nearest", portraits, device, seed)

# %% tags=["hide-input"]
ledger.of("walk.nearest")

# %% [markdown]
# A copy would lie near 0. No picture on a straight walk does, in either net. But in both, a straight walk comes nearer to the training images in its middle than held-out images
# do. Is that a trace of memory? A *spherical* walk between the same two
# ends, along a curve on which z keeps its length, suggests an answer: it hardly comes nearer in its middle than at its ends. (Samples of `faces` are a little nearer than held-out images everywhere, at the ends of a walk, too.) The two walks differ in the length of z, and we think that a short z draws a smoother, more average picture:
# what is average is nearer to *everything*, seen or not. But the two walks also differ in something else, so this is no proof; more about both in a moment. (The paper makes no such search, since distances of pixels are easily
# fooled; {doc}`04_1_lsun` has a measure that was tried on planted copies.)
#
# Here is one walk through drawn portraits, and below each picture the nearest of 5,000 drawings, a quarter of those that the net was trained on, drawn again (with
# other grain, for the drawing program has changed a little since). A walk through faces follows where the photographs are at hand.


# %% mystnb={"figure": {"caption": "A walk, and the nearest training image to each picture on it.", "name": "fig-walk-pairs"}}
def beside_training(which, train):
    """A walk of a run, and the nearest training image to each picture."""
    net = which.generator(devices.pick(device))
    rng = torch.Generator().manual_seed(seed + 4)
    ends = latent.sample(net.architecture, 2, rng)
    pictures = latent.generate_pixels(net, latent.walk(ends[0], ends[1], 10)[0])
    _, index = neighbours.nearest(pictures, train)
    return image_rows.strips([("walk", pictures), ("nearest", train[index])])


beside_training(
    portraits, scenes.draw("drawn-portraits", 5000, 64, seed=0).images
)

# %%
if claim.has_photographs(run):
    train = loading.load_data(run.data_name, run.architecture.size).images
    display(beside_training(run, train))

# %% [markdown]
# ## Straight or round?
#
# A random z of a hundred numbers is almost always about as long as any other: its length hardly varies. The middle of a straight line between two
# of them is shorter, and the net has rarely seen a z that short. A spherical walk keeps the length {cite}`white2016`. But it pays for that: every number of a random z lies between -1 and 1, and so does every
# number on a straight line between two. On the sphere some leave that range, where the net was never trained. So the two walks differ in more than length.

# %% mystnb={"figure": {"caption": "The same two ends, by a straight and by a spherical walk. Here the difference is slight.", "name": "fig-spherical"}}
rows = []
for path in ("straight", "spherical"):
    points = latent.walk(start[0], end[0], 12, path)[0]
    rows.append((path, latent.generate_pixels(generator, points)))
    lengths = points.norm(dim=1)
    print(f"{path:10} length of z: {lengths[0]:.1f} at the start,", end=" ")
    print(
        f"{lengths[5:7].mean():.1f} halfway, {lengths[-1]:.1f} at the end;",
        end=" ",
    )
    many = latent.walk(start, end, 12, path)[:, 5:7]
    outside = (many.abs() > 1).float().mean()
    print(f"halfway {outside:.0%} of the numbers lie beyond -1 and 1")
image_rows.strips(rows)

# %% [markdown]
# Walk yourself: on the site, this draws in your browser after the first touch. Take two samples as the ends.
#
# ```{playground} walk
# :runs: faces drawn-portraits
# :name: fig-live-walk
# A walk between any two samples, straight or spherical. {doc}`playground_how` says what is loaded.
# ```
#
# ## Single numbers of z
#
# What does one of the hundred numbers do? Below are sliders for the six that change the image most, from -1 to 1. Do not expect a meaning: nothing
# in training asks for one number to be the smile and another the hair. Meaning lies in *directions* that mix many numbers. Section 6.3.2
# of the paper finds some.


# %% tags=["hide-input"]
def strongest_coordinates(generator, count, trials=8, seed=0):
    """The numbers of z that change the image most from -1 to 1, in order."""
    size = generator.architecture.latent
    rng = torch.Generator().manual_seed(seed)
    effect = torch.zeros(size)
    for z in latent.sample(generator.architecture, trials, rng):
        low, high = z.repeat(size, 1), z.repeat(size, 1)
        low.fill_diagonal_(-1)
        high.fill_diagonal_(1)
        change = latent.generate(generator, high)
        change -= latent.generate(generator, low)
        effect += change.pow(2).flatten(1).mean(1).cpu()
    return effect.argsort(descending=True)[:count].tolist()


def z_sliders(generator, z, directions, names, *, reach=1.0, frames=11, seed=0):
    """One slider for each direction, from -reach to reach.

    Shows the image of z (latent) + sum of slider x direction (K x latent). In a
    notebook, buttons take another z, or show the one that is drawn.
    """
    here, rng = [z], torch.Generator().manual_seed(seed)

    def draw(amounts):
        moved = here[0] + torch.from_numpy(amounts) @ directions
        return latent.generate_pixels(generator, moved)

    def another(amounts):
        here[0] = latent.sample(generator.architecture, 1, rng)[0]

    def told(amounts):
        moved = here[0] + torch.from_numpy(amounts) @ directions
        return str([round(number, 4) for number in moved.tolist()])

    return sliders.sliders(
        draw,
        {name: (-reach, reach, frames) for name in names},
        dict.fromkeys(names, 0.0),
        buttons={"new sample": another, "copy z": told},
    )


# %% mystnb={"figure": {"caption": "The six numbers of z that change the image most, one at a time.", "name": "fig-z-sliders"}}
strongest = strongest_coordinates(generator, 6, seed=seed)
directions = torch.eye(generator.architecture.latent)[strongest]
middle_face = stops[1].clone()
middle_face[strongest] = 0
z_sliders(generator, middle_face, directions, [f"z[{i}]" for i in strongest])

# %% [markdown]
# In JupyterLab the sliders ask the net for every image, and all six combine. On the static page these frames were drawn
# beforehand, and one slider moves at a time.
#
# Here are directions with a meaning. As in 6.3.2, each leads from samples that surely do not show a thing to samples that surely do. After the first touch they combine here, too.
#
# ```{playground} explore
# :runs: faces
# :name: fig-live-directions
# Named directions in the z of faces.
# ```
#
# ## Where ours differs
#
# The paper shows walks between nine points and lets the reader judge; there is no number in it. We add four: the largest step, what a judge is unsure of on the way, in how many steps things change, and how near the images come to training images. The second and the third
# need a judge, so they are of drawn rooms. Our faces and rooms come from small nets that learnt from about twenty thousand photographs; the paper's net learnt from three million bedrooms. The paper does not say that its walks are straight; the spherical ones are ours.
#
# ## Exercises
#
# 1. Walk further than the end: `latent.walk(start, start + 3 * (end - start), 24)`. Where do the faces break?
# 2. Find the most even walk: of 100 random pairs, the one whose largest step is smallest. And the least even. What do you see in each?
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# far = latent.walk(start, start + 3 * (end - start), 24).flatten(0, 1)
# show(latent.generate_pixels(generator, far), columns=24, zoom=1)
# ```
# ```python
# shares = walks.walk_steps(generator, pairs=100, steps=16, seed=seed)
# order = shares.max(1).argsort()
# rng = torch.Generator().manual_seed(seed)  # the same pairs again
# first, second = (latent.sample(generator.architecture, 100, rng) for _ in range(2))
# rows = [
#     (name, latent.generate_pixels(generator, latent.walk(first[i], second[i], 12)[0]))
#     for name, i in (("most even", order[0]), ("least even", order[-1]))
# ]
# image_rows.strips(rows)
# ```
#
# </details>
