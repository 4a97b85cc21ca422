"""Training (paper §4): what is trained (`config`), one update, the loop, all that is not learning (`session`), collapse."""
