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
# # 6.3.2, appendix · The judges, and sums of other lengths
#
# What stands behind the numbers of {doc}`the arithmetic with faces <06_3_2_arithmetic>`: who judges the results and how often that goes wrong, how many sets of
# exemplars there were, and what helps a sum of thirty.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import numpy as np
import torch

from dcgan_core import assets, chapters, devices, latent, pictures
from dcgan_core.claims import ledger
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.inside import arithmetic, exemplars, seen
from dcgan_core.readers import attributes
from dcgan_core.runs import Run

chapters.use_style()
faces, portraits = Run.reference("faces"), Run.reference("drawn-portraits")
shown = arithmetic.candidates(faces, device, seed)


def where(name):
    """The run on which a sum was measured."""
    return portraits if name.startswith("drawn") else faces


# %% [markdown]
# The exemplars that you pick in {doc}`06_3_2_arithmetic` belong to the weights that generated them. With another run, or after more training, the same z is another face, and old picks are refused.
#
# ## Who judges the judges?
#
# The two classifiers of photographs learnt from CelebA's labels, each from its own half of the training photographs. Here is how often the judging one
# is right, on photographs that it never saw, as *balanced accuracy*: the share right among those with the attribute and among those without, averaged, so that a
# guess scores 50 %. (For drawn portraits see {doc}`scenes`.) The word *Male* is CelebA's. It is what an annotator ticked.

# %% tags=["hide-input"]
Table(
    ["attribute", "right (95 % interval)", "photographs", "rule met"],
    [
        [
            row["id"].rsplit(".", 1)[1],
            ledger.number(row),
            f"{row['n']:,}" if row["n"] else "",
            row["met"],
        ]
        for row in ledger.ledger_rows()
        if row["id"].startswith("faces.attribute_accuracy")
    ],
    caption="How often the judging classifier is right on photographs that it never saw.",
)

# %% tags=["hide-input"]
glasses = ledger.shipped(
    "faces.attribute_accuracy.eyeglasses", Run.reference("faces")
)["details"]
print(f"faces with glasses: right on {glasses['right_with']:.0%} of them")
print(f"faces without: right on {glasses['right_without']:.0%} of them")

# %% [markdown]
# The rule asked for 90 %; only *Male* reaches it. On photographs this judge overlooks a third of the glasses.
#
# But samples are not photographs. So two hundred sums, a hundred of each kind in random order, were looked at by an eye (a vision-language model's, not a person's) that knew neither which was which nor what the judge says of them. Where the eye
# was sure, this is how often the judge agrees:

# %% tags=["hide-input"]
ledger.of("arithmetic.faces.by_eye.*")

# %% tags=["hide-input"]
looked_at = seen.load_seen(faces)
read = attributes.load_attributes(device=devices.pick(device)).read
generator = faces.generator(devices.pick(device))
said = read(latent.generate_pixels(generator, looked_at.z))
rows = []
for name in ("faces_smile", "faces_glasses"):
    result = arithmetic.SUMS[name].result
    these = np.array(looked_at.sums) == name
    wanted = {k: "01"[there] for k, there in result.shows.items()}
    letters = {k: np.array(list(looked_at.by_eye[k]))[these] for k in wanted}
    yes = np.all([letters[k] == wanted[k] for k in wanted], 0)
    no = np.any(
        [(letters[k] != wanted[k]) & (letters[k] != "?") for k in wanted], 0
    )
    shares = yes.mean(), (~yes & ~no).mean(), result.shown(said)[these].mean()
    rows.append([result.name, *(f"{share:.0%}" for share in shares)])
Table(
    ["should be", "is, by eye", "unclear to the eye", "is, by the judge"],
    rows,
    caption="What the eye and the judge say of results.",
)

# %% [markdown]
# Where the eye is sure, the judge mostly agrees. But it overlooks more than a quarter of the glasses, and with smiles and with men it is too generous: it sees a smile in a quarter of the sums in which the eye sees none, and a man in a good fifth of those in which the eye sees a woman.
# So it flatters smiling men, and is hard on women with glasses. To the eye little more than a quarter of the first sums are smiling men, and nearly half are unclear. With the unclear counted as failures, the claim that *most* sums succeed would not hold; the ledger's row is the judge's. What blurs the counts most is that so much is *unclear*: to the eye, four in ten of the two hundred could be a man or a woman.
# The judge always says one or the other.
#
# And the one that selects? What matters of it is how often it is right where it is sure enough to take a sample as an exemplar. Here is that, on photographs and
# drawings that it did not learn from.

# %% tags=["hide-input"]
rows = []
for name in arithmetic.SUMS:
    row = next(
        r
        for r in ledger.ledger_rows()
        if r["id"] == f"arithmetic.{name}.exemplars"
    )
    taken = (row["details"] or {}).get("taken_and_right", {})
    for concept, (count, right) in taken.items():
        rows.append([concept, f"{count:,}", f"{right:.1%}"])
Table(["exemplar of", "taken", "of these right"], rows)

# %% [markdown]
# Look for yourself. Below are results of the paper's sum, each trial with
# exemplars of its own. The judge calls the upper row successes and the lower row failures.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Results of `smiling woman - neutral woman + neutral man` that the judge calls a success (top) and a failure (bottom).", "name": "fig-judged"}}
parts = arithmetic.SUMS["faces_smile"]
rng = torch.Generator().manual_seed(seed + 5)
results = latent.combine(
    [
        latent.mean(exemplars.choose_sets(shown.of(c), c.name, 60, 3, rng))
        for c in parts.terms
    ]
)
images = latent.generate_pixels(faces.generator(devices.pick(device)), results)
_, judge = arithmetic.readers(faces, devices.pick(device))
right = parts.result.shown(judge(images))
image_rows.strips(
    [("success", images[right][:10]), ("failure", images[~right][:10])], zoom=1
)

# %% [markdown]
# ## How many sets of exemplars there were
#
# Where the classifier is sure of few samples, there are few sets of exemplars, and the same set serves in many trials. Such trials are not independent, so the interval is then that of the mean over sets. Where there is only one set, it says nothing of others: there the interval is over trials alone, and too narrow.
# (On photographs we had only two sets of thirty at first, and an interval from 0 to 1. So we looked for exemplars among more samples, and measured everything again.)

# %% tags=["hide-input"]
for name in arithmetic.SUMS:
    found = ledger.known(
        f"arithmetic.{name}.success", where(name), device, seed
    )
    details, trials = found["details"], found["n"]
    scarce = min(details["exemplars"], key=details["exemplars"].get)
    sets = details["sets"]
    print(
        f"{arithmetic.SUMS[name].result.name}: {details['exemplars'][scarce]} samples of {scarce!r};",
        f"{min(sets['three'], trials)} sets of three and {min(sets['many'], trials)} of {details['exemplars_of_many']} for {trials} trials",
    )

# %% [markdown]
# ## A remedy for sums of thirty
#
# The mean of thirty z is much shorter than a random z, and so is a sum of three such means ({doc}`06_3_2_arithmetic`). Two things can help. Bring it back to the length of a random z. And count the difference (smiling minus neutral) twice, since
# the means of thirty have lost their accidents but also much of their strength. That is "thirty, improved" in {numref}`fig-arithmetic-success`. How often to count it was chosen
# on other z than those of the trials, but by the same judge; so that row may flatter itself a little.
#
# Does the remedy help real faces too? Here is what becomes of the "smiling man" and of the "woman with glasses", one step after the other.

# %% tags=["hide-input"]
rows = []
for name in ("faces_smile", "faces_glasses"):
    parts = arithmetic.SUMS[name]
    found = ledger.known(f"arithmetic.{name}.success", faces, device, seed)
    found = found["details"]
    for key, text in (
        ("many", "thirty"),
        ("many_scaled", "… at usual length"),
        ("improved", "… and counted twice"),
    ):
        rows.append(
            [
                parts.result.name,
                text,
                *(
                    f"{found[part][key]:.0%}"
                    for part in ("added", "kept", "success")
                ),
            ]
        )
Table(
    [
        "should be",
        "the sum",
        "shows what was added",
        "shows what should stay",
        "shows both",
    ],
    rows,
    caption="Sums of thirty, and the remedy in two steps.",
)

# %% [markdown]
# For the smiling man the usual length is enough. The woman with glasses loses by it. And counting the difference twice costs both of them. At the usual length every result had the smile, or the glasses, already; now the man is gone in a fifth of them, and the woman in all. So the difference is not pure, we think. In CelebA women smile
# more often than men, and glasses are worn mostly by men. So the net's direction "smile" would point a little towards "woman" as well, and "glasses" towards
# "man". Counted once, the third term outweighs that for the man; for the woman with glasses it does not. In drawings factors are independent by design, and still the net ties some of them together: {numref}`fig-add-smile`.
#
# ## Can the difference be purified?
#
# That guess can be tried. A linear probe finds the directions of *Male*, of smiles and of glasses among forty thousand random $z$ (the selecting classifier says what they show). If the difference of the means points towards "man" as well, take that part out of it, and add what is left. Beside it stand two controls: a
# random direction taken out; and, in place of the difference, the probe's own direction for what should be added.

# %% tags=["hide-input"]
tried = chapters.trial("faces_impure")
ARMS = {
    "sum": "as it is",
    "without Male": "without the direction of `Male`",
    "without chance": "without a random direction",
    "probe": "the probe's direction, equally long",
    "pure probe": "… without that of `Male`",
}


def shares(name):
    """What is in the table, of each difference: added, kept and both."""
    found = tried["fourth"][name]
    for arm, text in ARMS.items():
        row = found["arms"][arm]
        yield text, (row["added"], row["kept"], row["success"])
    best = max(found["steps"], key=lambda step: found["steps"][step][0])
    both, *parts = found["steps"][best]
    yield f"… the same, only {best} long", (*parts, both)


Table(
    [
        "should be",
        "the difference",
        "shows what was added",
        "shows what should stay",
        "shows both",
    ],
    [
        [
            arithmetic.SUMS[name].result.name,
            text,
            *(f"{share:.0%}" for share in row),
        ]
        for name in ("faces_smile", "faces_glasses")
        for text, row in shares(name)
    ],
    caption="Four hundred sums of each kind, the mean of three exemplars a term, and what becomes of them when the difference changes. (With weights in 16 bits and other exemplars than those of the claims, so the first rows differ a little from theirs.)",
)

# %% tags=["hide-input"]
rows = []
for stage in ("third", "fourth"):
    found = tried[stage]
    freed = [
        found[name]["arms"]["without Male"]
        for name in ("faces_smile", "faces_glasses")
    ]
    there = found["glasses among women"]
    rows.append(
        [
            stage,
            *(
                "{:+.2f} ({:+.2f} to {:+.2f}), p = {:.1g}".format(
                    *a["more"], a["p_sets"]
                )
                for a in freed
            ),
            *(f"{there[of]:.1%}" for of in ("samples", "photographs")),
            f"{found['cosines']['Male, Eyeglasses']:.2f}",
        ]
    )
Table(
    [
        "after the stage",
        "smiling man: more",
        "woman with glasses: more",
        "of women, wear glasses: samples",
        "… photographs",
        "cosine of the directions",
    ],
    rows,
    caption="How much more of the sums succeed without the direction of `Male` (95 % interval and sign-flip test over sets of exemplars); how many women wear glasses, to the judge; and how close the directions of glasses and of `Male` lie.",
)

# %% [markdown]
# **Freed of the direction of *Male*, both sums succeed clearly more often,** after the third stage and after the fourth, by a rule written before anything was asked. (The rule named McNemar's exact test over 400 sums. But with glasses about a hundred sets of men serve in all of them, so sums are not independent; the table's test is over sets, and says the same.) Taking out one random direction changes next to nothing. But it is not quite as we had guessed: on average the differences hardly point towards "man" or "woman", since the exemplars of both
# means are all of the same sex. Single differences do, a little and by chance; along the random direction they point more. Yet the little along *Male* costs many sums, and the random part next to none.
#
# **And the net can draw what the sum misses.** A short step along the pure direction shows a woman with glasses several times as often as the paper's sum does, and a smiling man nearly always. (Ten lengths were tried, and the best is in the table, which flatters it. A step of the same length as the difference goes too far: with glasses
# nearly every woman becomes a man.)
#
# Why did longer training not help the woman with glasses? After the fourth stage she is rarer among samples than after the third, nearer to her share of the photographs, and the two directions lie closer together. A net that follows its data more closely also follows what they tie together: we think that
# is the reason, but two stages of one run do not show it. (The judge errs with glasses; so compare its shares, but do not take them as they are.)

# %% [markdown]
# ## Does longer training help the smile?
#
# A linear probe reads glasses off $z$ of `drawn-portraits`, but a smile hardly ({doc}`09_2_generator`). Perhaps the net had not learnt the mouth yet. So one more net was trained from the start, for more than four times as long, on a hundred thousand drawings instead of twenty thousand, with a learning rate that fell over the last half. What would count as help was written down
# before anything was asked of it.

# %% tags=["hide-input"]
longer = chapters.trial("portraits_longer")
again = chapters.trial("more_nets")
others = [v["claims"] for k, v in again.items() if "portraits" in k]
usual_images = portraits.info["counters"]["images"]


def beside(claim_id):
    """The long net's number, and those of the four nets of usual length."""
    usual = [ledger.shipped(claim_id, portraits)["value"]]
    usual += [claims[claim_id]["value"] for claims in others]
    long = longer["claims"][claim_id]
    return [
        f"{long['value']:.2f} ({long['low']:.2f} to {long['high']:.2f})",
        f"{min(usual):.2f} to {max(usual):.2f}",
    ]


Table(
    [
        "",
        f"one net, {longer['images']:,} images",
        f"four nets of {round(usual_images, -4):,}",
    ],
    [
        [text, *beside(claim_id)]
        for text, claim_id in (
            (
                "smile, short hair: the paper's sum",
                "arithmetic.drawn_smile.success",
            ),
            ("… thirty, improved", "arithmetic.drawn_smile.improved"),
            (
                "glasses, long hair: the paper's sum",
                "arithmetic.drawn_glasses.success",
            ),
            (
                "overlap of samples with drawings",
                "scenes.coverage.drawn-portraits",
            ),
        )
    ],
    caption="A longer training beside the usual ones (interval; lowest and highest of four).",
)

# %% mystnb={"figure": {"caption": "Samples of the net that ships (top two rows) and of the one that was trained longer.", "name": "fig-portraits-longer"}} tags=["hide-input"]
tiles = pictures.tiles(
    assets.folder("trials") / "portraits_longer.webp", 64
).reshape(4, 10, 3, 64, 64)
image_rows.strips(
    list(zip(("as it ships", "", "longer", ""), tiles, strict=True)), zoom=1
)

# %% tags=["hide-input"]
Table(
    [
        "images seen",
        "samples that smile",
        "smile",
        "glasses",
        "beard",
        "long hair",
    ],
    [
        [
            f"{row['images']:,}",
            f"{row['share_smiling']:.0%}",
            *(
                f"{row['of_z'][key]:.2f}"
                for key in ("smile", "glasses", "beard", "long_hair")
            ),
        ]
        for row in longer["curve"]
    ],
    caption="What a linear probe reads off z, by balanced accuracy: the net that ships (first row), and the long training on its way.",
)

# %% [markdown]
# **One training shows no help to the smile.** The pictures look better, to a vision-language model's eye that knew which is which: cleaner edges, calmer faces. But the paper's sum makes no more smiles than in nets of usual length, and what the probe reads of a smile off $z$ was no more at
# the end than early on. The goal set before, eight sums in ten, was missed by far, and the improved sum of thirty succeeds far less often than in the others. So this $z$ tells a linear probe little of a smile, however well the smile is drawn. Nothing in the loss asks for more:
# G is asked for pictures that D takes for drawings, not for a $z$ that is easy to read. (It is one training, and length, number of drawings and a falling rate changed at once. The row of 280,000 images differs from the shipped net in the number of drawings and in their version: grain and necks were painted a little differently in those that the shipped net saw.)
#
# ## And where nobody has aligned the faces?
#
# Whoever averages three aligned faces gets a soft face. In the paper's photographs faces lie anywhere. {doc}`06_3_2_arithmetic` moved the *exemplars*, samples of a net that knows aligned faces alone. Here the net changes, too: one of the same shape learnt from drawings that had each been moved and scaled, so that its own samples lie anywhere. Two classifiers that learnt from moved drawings took part: one selected exemplars, the other was the judge. The rules were written down while the net trained.

# %% mystnb={"figure": {"caption": "From above: drawings, each moved and scaled; samples of the net that learnt from such; its sums that should smile and have short hair, of z and of pixels; its sums that should have glasses and long hair, of z and of pixels. Not selected.", "name": "fig-portraits-moved"}} tags=["hide-input"]
tiles = pictures.tiles(
    assets.folder("trials") / "portraits_moved.webp", 64
).reshape(6, 10, 3, 64, 64)
image_rows.strips(
    list(
        zip(
            (
                "drawings",
                "samples",
                "smile, z",
                "smile, pixels",
                "glasses, z",
                "glasses, pixels",
            ),
            tiles,
            strict=True,
        )
    ),
    zoom=1,
)

# %% tags=["hide-input"]
anywhere = chapters.trial("portraits_moved")
SHOWN = {
    "three": "sum of z",
    "pixels": "sum of pixels",
    "random": "random samples",
}
NETS = {
    "moved": anywhere["unaligned"],
    "aligned (same classifiers)": anywhere["aligned, same judges"],
}
rows, believed = [], []
for name in ("drawn_smile", "drawn_glasses"):
    for learnt_from, net in NETS.items():
        known = net["claims"][f"{name}.three"]["details"]
        what = [arithmetic.SUMS[name].result.name, learnt_from]
        shares = [
            f"{m['value']:.2f} ({m['low']:.2f} to {m['high']:.2f})"
            for m in (net["claims"][f"{name}.{k}"] for k in ("three", "pixels"))
        ]
        rows.append([*what, *shares, f"{known['success']['random']:.2f}"])
        believed.append([*what, *(f"{known['D'][k]:.2f}" for k in SHOWN)])
Table(
    ["should be", "faces learnt from", *SHOWN.values()],
    rows,
    caption="Share of trials that show what they should.",
)

# %% tags=["hide-input"]
Table(
    ["should be", "faces learnt from", *SHOWN.values()],
    believed,
    caption="D's mean answer (1: data), of the same run.",
)

# %% tags=["hide-input"]
for learnt_from, net in NETS.items():
    print(
        f"{learnt_from}: {net['images']:,} images seen; a linear probe on z is right about"
        f" smiles in {net['of_z']['smile']:.0%}, about glasses in {net['of_z']['glasses']:.0%}"
        " (balanced accuracy; a guess: 50%)"
    )

# %% [markdown]
# **Sums of pixels are what the paper says: noisy overlays.** Three faces lie through each other. D takes sums of $z$ for data as readily as random samples, and seldom an overlay. The judge, asked only for a smile or glasses and for hair, agrees about smiles: by the rule, those sums of pixels fail. About glasses it does not: it finds dark rings in most overlays. But it finds a smile together with short hair in fewer than half of the overlays of *aligned* faces, too, where the judge that knows aligned faces alone finds both in many more ({doc}`06_3_2_arithmetic`). So whether an overlay smiles depends on who looks. What D says of it, and what you see, does not hang on that.
#
# **With glasses, sums of $z$ do better than sums of pixels; with smiles that is not settled,** for both mostly miss them, and the intervals overlap. The goal of eight smiles in ten is missed here, too, and less of a smile can be read off this $z$ than off that of aligned faces. Perhaps a mouth that may lie anywhere is learnt late.
#
# It is one training of each, and they differ in length, in drawings and in noise. A training without noise came first. It stopped itself: D had become certain of every image, and G drew a dozen faces again and again. The message advised adding noise to what D sees, and so we did, before anything was asked of the net.
