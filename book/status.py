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
# # Status
#
# How this copy of the book was made: which versions, how long each chapter ran, which data was there.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import json

from dcgan_core import assets, chapters, devices
from dcgan_core.data import loading
from dcgan_core.figures.tables import Table
from dcgan_core.runs import environment, reference_runs

made = environment()
print(
    f"profile {profile}, seed {seed}, device {devices.pick(device)}, {made['machine']['cores']} cores of {made['machine']['processor']}"
)
Table(
    ["package", "version"],
    [[name, version] for name, version in made["versions"].items()],
    caption="Versions.",
)

# %% tags=["hide-input"]
executed = (assets.BUILD / "executed").glob("*.json")
executable = {p.stem for p in chapters.book_file("").glob("*.py")}
notes = [
    json.loads(p.read_text())
    for p in sorted(executed)
    if p.stem in executable - {"status"}
]
Table(
    ["chapter", "seconds", "profile"],
    [
        [n["chapter"], f"{n['seconds']:.1f}", n["parameters"]["profile"]]
        for n in notes
    ],
    caption="How long each chapter ran.",
)

# %% tags=["hide-input"]
found = [row for row in loading.listing() if row.state == "found"]
Table(["data found when this was built"], [[row.name] for row in found])

# %% [markdown]
# ## Reference runs
#
# [What the log says](log.md) explains the numbers that a run writes while it trains.

# %% tags=["hide-input"]
rows = []
for run in reference_runs():
    info, trained = run.info, run.trained
    rows.append(
        [
            run.name,
            info["data"]["name"],
            f"{trained['images']:,}",
            f"{trained['minutes']:.0f}",
            (info["commit"] or "")[:9],
        ]
    )
Table(
    ["run", "data", "images seen", "minutes", "commit"],
    rows,
    caption="The runs that ship with the book.",
)
