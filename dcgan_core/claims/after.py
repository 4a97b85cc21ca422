"""After the paper (chapter 9): what it leaves open and popular accounts answer without a number. The book's own experiments.

Each rule was committed before its measurement. The parts of a part's row: `transfer` (9.1), `generator` (9.2), `classes` (9.3),
`regularisation` (9.4), `translation` (9.5).
"""

from dcgan_core.claims.claim import MORE, NOT_IN_PAPER, Claim, Rule


def _after(claim_id: str, section: str, statement: str, unit: str, rule: Rule | None, *, varies: str = "draws") -> Claim:
    return Claim(f"after.{claim_id}", section, statement, NOT_IN_PAPER, unit, rule, kind="after", varies=varies)


def _transfer() -> list[Claim]:
    """9.1. Pairs: the same labels, pictures, mirroring and number of trials; choices on validation pictures."""
    few = "labels a class of CIFAR-10"
    arms = {
        "frozen": f"D frozen, an L2-SVM on its features, 400 {few}",
        "finetune": f"D fine-tuned whole, 400 {few}",
        "scratch": f"A net of D's shape that never saw another picture, 400 {few}",
    }
    rows = [(f"{arm}.cifar10_400", said, "percent", None) for arm, said in arms.items()]
    sets = {f"cifar10_{each}": f"{each} {few}" for each in (400, 100, 25, 10)}
    sets |= {f"faces_{name}": f"100 faces with {name}, 100 without" for name in ("smile", "glasses")}
    more = "percentage points more"
    for key, said in sets.items():
        rows.append((f"finetune_frozen.{key}", f"Fine-tuning D beats D frozen: {said}", more, MORE))
        rows.append((f"finetune_scratch.{key}", f"Fine-tuning D beats the same net from scratch: {said}", more, MORE))
    trap = "Fine-tuning with D's own batchnorm statistics beats fine-tuning with each batch's"
    rows.append(("own_statistics.cifar10_10", f"{trap}: 10 {few}", more, MORE))
    alone = "D frozen beats a net of its shape, best of 64 trials, that sees the 1,000 labels alone"
    rows.append(("frozen_supervised.cifar10_100", f"{alone}: 100 {few}", more, MORE))
    return [_after(key, "9.1", *row) for key, *row in rows]


CLAIMS = [*_transfer()]
