"""What is inside the nets? What D looks at (paper §6.2), forgetting (§6.3.1), arithmetic (§6.3.2)."""

import hashlib

from dcgan_core.runs import Run


def weights_of(run: Run) -> str:
    """A few digits that tell one set of G's weights from another: picks and marks belong to the weights they were made with."""
    return hashlib.sha256((run.path / "generator.safetensors").read_bytes()).hexdigest()[:12]
