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
# # 9 · After the paper
#
# The paper ends with what it leaves open, and ten years of blog posts and courses have answered for it, mostly without a number. **The question of this
# chapter:** which of those answers hold when one measures them? Five sections measure one each, on small nets and stand-ins, with the
# same care as the claims of the paper: the rule is written first, the baseline is paired, and the number of seeds is said.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
from dcgan_core.claims.board import Scoreboard
from dcgan_core.claims.ledger import ledger_rows

Scoreboard(
    [row for row in ledger_rows() if row["kind"] == "after"], grouped=True
)
