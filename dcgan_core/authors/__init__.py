"""The weights that the paper's authors released: reading, import, proof."""
