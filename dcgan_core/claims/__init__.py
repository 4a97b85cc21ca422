"""The ledger: each of the paper's claims, with its rule, beside what was measured. One file for each section of the paper."""
