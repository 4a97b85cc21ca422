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
# # 9.3 · A classifier inside D
#
# **The question:** Does it help to let D classify while it learns?

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"
