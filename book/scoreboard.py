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
# # Scoreboard
#
# Every claim of the paper beside what this book measured, at full size, on runs that ship with it. Intervals are 95 %.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %%
from dcgan_core.claims.ledger import CLAIMS, ledger_rows, scoreboard
from dcgan_core.figures.tables import Table

ledger = ledger_rows()
rows = [row for row in ledger if row["section"] != "book"]
scoreboard(rows)

# %% tags=["hide-input"]
measured = [row for row in rows if row["verdict"] != "not measured"]
print(f"{len(measured)} of {len(rows)} claims are measured so far.")

# %% [markdown]
# ## The book's own instruments
#
# How far the judges can be trusted, and what the generators of drawn scenes cover. The paper has no such numbers; {doc}`scenes` says what they
# mean.

# %%
scoreboard([row for row in ledger if row["section"] == "book"])

# %% [markdown]
# ## When does a claim hold?
#
# By a rule that was written down before the measurement. (Rows that compare two others, `.gain` and `.above_chance` of section 6, came when those were known; the
# limits of `turn.monotone` and `mnist.nn_error_fc_gan` were changed once, as their chapters say.) "The interval" is the 95 % interval. `differs` says that the rule is not met, and no more: where the
# interval reaches over the rule's bound, the claim is neither shown nor refuted.

# %% tags=["hide-input"]
Table(["claim", "holds if"], [[c.id, c.rule.text] for c in CLAIMS])

# %% [markdown]
# ## Measure again
#
# ```bash
# dcgan measure book/reference_runs/faces                    # all claims that fit the run
# dcgan measure runs/faces walk.smoothness --seed 1          # one, on your own run
# dcgan claims --json                                        # this table for a program
# ```
