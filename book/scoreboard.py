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
# Every claim of the paper beside what this book measured, at full size, on runs that ship with it.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
from dcgan_core.claims.board import Scoreboard
from dcgan_core.claims.ledger import ledger_rows

ledger = ledger_rows()
claims = [row for row in ledger if row["kind"] == "paper"]
Scoreboard(claims, bar=True, grouped=True)

# %% [markdown]
# Unfold a line for its rule, the run, and the command that measures it again. Intervals are 95 %. What they vary over stands in the fold:
# images, draws (of z, of labels, of exemplars), features of one net, or trainings. An interval over images says nothing of what another training would
# give; where a number rests on one training, it says so.
#
# ## When does a claim hold?
#
# By a rule that is written down before the measurement. "The interval" is the 95 % interval. Where all of it lies on the claim's side, the claim
# **holds**, or **holds on a stand-in** where the data are other than the paper's. Where all of it lies on the other side, in the claim's own setting, the
# claim is **refuted here**. Where it lies on both, or where one of many comparisons counts no longer once that many are made (Holm's correction), it is **not settled**. **Other
# setting**: measured where the paper does not speak, or failed on a stand-in; the row says where. A rule for a number of the paper leaves
# room for chance, so that an exact replica would pass it 95 times of 100.

# %% [markdown]
# ## Measure again
#
# ```bash
# dcgan measure book/reference_runs/faces                    # all claims that fit the run
# dcgan measure runs/faces walk.smoothness --seed 1          # one, on your own run
# dcgan claims --json                                        # this table for a program
# ```
#
# ## What the claims are compared with
#
# Nothing is claimed of these numbers, so they have no verdict.

# %% tags=["hide-input"]
compared = [row for row in ledger if row["kind"] == "comparison"]
Scoreboard(compared, grouped=True)

# %% [markdown]
# ## The book's own instruments, and where it departs from the paper
#
# How far the judges can be trusted, what the generators of drawn scenes cover, and whether this book's own choices do harm. The paper has no such
# numbers; {doc}`scenes` says what they mean.

# %% tags=["hide-input"]
Scoreboard([row for row in ledger if row["kind"] == "control"], grouped=True)
