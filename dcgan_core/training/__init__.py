"""Training (paper §4): what is trained (`config`), one update, the loop, which images when (`order`), all that is not learning
(`session`), whether it has gone wrong (`collapse`), several processes."""
