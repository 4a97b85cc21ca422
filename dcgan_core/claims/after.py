"""After the paper (chapter 9): what it leaves open and popular accounts answer without a number. The book's own experiments.

Each rule was committed before its measurement. The parts of a part's row: `transfer` (9.1), `generator` (9.2), `classes` (9.3),
`regularisation` (9.4), `translation` (9.5).
"""

from dcgan_core.claims.claim import MORE, NOT_IN_PAPER, Claim, Rule, at_least, between


def _after(claim_id: str, section: str, statement: str, unit: str, rule: Rule | None, *, varies: str = "draws") -> Claim:
    return Claim(f"after.{claim_id}", section, statement, NOT_IN_PAPER, unit, rule, kind="after", varies=varies)


def _transfer() -> list[Claim]:
    """9.1. Pairs: the same labels, pictures, mirroring and number of trials; choices on validation pictures."""
    few = "labels a class of CIFAR-10"
    arms = {
        "frozen": f"D frozen, an L2-SVM on its features, 400 {few}",
        "finetune": f"D fine-tuned whole, 400 {few}",
        "scratch": f"A net of D's shape, trained from scratch on these labels alone, 400 {few}",
    }
    rows: list[tuple] = [(f"{arm}.cifar10_400", said, "percent", None) for arm, said in arms.items()]
    sets = {f"cifar10_{each}": f"{each} {few}" for each in (400, 100, 25, 10)}
    sets["cifar10_400_brief"] = f"400 {few}, no net saw more than 12,000 pictures of them"
    sets |= {f"faces_{name}": f"100 faces with {name}, 100 without" for name in ("smile", "glasses")}
    more = "percentage points more"
    for key, said in sets.items():
        rows.append((f"finetune_frozen.{key}", f"Fine-tuning D beats D frozen: {said}", more, MORE))
        rows.append((f"finetune_scratch.{key}", f"Fine-tuning D beats the same net from scratch: {said}", more, MORE))
    trap = "Fine-tuning with D's own batchnorm statistics beats fine-tuning with each batch's"
    rows.append(("own_statistics.cifar10_10", f"{trap}: 10 {few}", more, MORE))
    alone = "D frozen beats a net of its shape, best of a random search, that sees the 1,000 labels alone"
    rows.append(("frozen_supervised.cifar10_100", f"{alone}: 100 {few}", more, MORE))
    return [_after(key, "9.1", *row) for key, *row in rows]


def _generator() -> list[Claim]:
    """9.2. What a sample shows is what its set's judge says of it; what a drawing shows is known. Layers are chosen on
    validation pictures. Every kind of features is brought to 100 numbers, as many as z has."""
    each = "balanced accuracy, mean over what can be shown"
    more = f"{each}: difference"
    again = "encoded to z and drawn again by G"
    rows: list[tuple] = [
        ("g_features.z", "A linear probe reads off z what G's sample shows", each, at_least(0.8)),
        ("g_features.layer", "G's best layer says more of G's samples than D's best layer, in 100 numbers each", more, MORE),
        ("g_features.untrained", "G's best layer says more of G's samples than an untrained G's, on the same z", more, MORE),
        ("encoder.factors", f"A drawing shows what it showed after it was {again}", each, at_least(0.9)),
        ("encoder.steps", "Fifty steps of optimisation from the encoder's z keep more than the encoder alone", more, MORE),
        ("encoder.code", "The encoder's z says more of a drawing than D's best layer, in 100 numbers each", more, MORE),
    ]
    return [_after(key, "9.2", *row, varies="images") for key, *row in rows]


def _translation() -> list[Claim]:
    """9.5. Exact pairs of drawn rooms, 32 pixels. Both losses: L1 times 100, and D's answer. Pairs of nets: same seed."""
    each, masks = "balanced accuracy of what the judge reads off the answers", "masks to rooms"
    rows: list[tuple] = [
        ("factors", f"L1 and D together show what was asked for better than L1 alone: {masks}", f"{each}: difference", MORE),
        ("adversarial", f"L1 and D together show what was asked for better than D alone: {masks}", f"{each}: difference", MORE),
        ("overlap", f"L1 and D together put windows in place better than L1 alone: {masks}", "overlap: difference", MORE),
        ("variety", f"With both, other noise gives other rooms: {masks}", "share of the drawings' spread", at_least(0.5)),
    ]
    pictures: list[tuple] = [
        (
            "colour",
            "Grey to colour: L1 and D together give more colour than L1 alone",
            "share of the truth's colour: difference",
            MORE,
        ),
        ("light", "Dark to light, D adds nothing to L1", f"{each}: difference", between(-0.02, 0.02)),
    ]
    return [
        _after(f"translation.{key}", "9.5", *row, varies=varies)
        for varies, some in (("trainings", rows), ("images", pictures))
        for key, *row in some
    ]


def _classes() -> list[Claim]:
    """9.3. A second head of D learns the classes of a few labelled pictures while D learns to tell real from generated ones.

    Each pair has its own draw of labels and its own seed. All nets take as many updates; D + head and the supervised net have
    three trials each, on validation pictures of a draw that is not counted, the SVM its grid of C.
    """
    fewer, sets = "percentage points fewer errors", {"mnist_1000": "1,000 labelled digits", "mnist_100": "100 labelled digits"}
    rows: list[tuple] = []
    for key, said in (sets | {"sprites_1000": "1,000 labelled sprites"}).items():
        rows += [
            (f"classify.{key}", f"D with a second head errs less than the same net on the labels alone: {said}", fewer, MORE),
            (f"classify_svm.{key}", f"D with a second head errs less than plain D and an SVM: {said}", fewer, MORE),
            (f"classify_asked.{key}", f"D with a second head errs less if G is given a class, too: {said}", fewer, MORE),
            (
                f"classify_variety.{key}",
                f"A G that is asked for a class pays with variety, beside a plain one: {said}",
                "percentage points less recall of held-out pictures",
                MORE,
            ),
        ]
    return [_after(key, "9.3", *row, varies="trainings") for key, *row in rows]


def _regularisation() -> list[Claim]:
    """9.4. D of 1,000 photographs of rooms, each seen a hundred times: with and without, the same weights at first, the same
    order of pictures, other pictures in each pair. One setting each, none chosen by what it does: dropout of 0.3, as
    tutorials have it; L2 of 0.03, since beside gradients of D's size the authors' 1e-5 would not move a weight by a thousandth
    in so many updates."""
    arms = {
        "weight_decay": "Weight decay in D",
        "dropout": "Dropout after each of D's conv layers",
        "spectral_norm": "Spectral normalisation in place of D's batchnorm",
    }
    asked = {
        "": ("keeps D from preferring the photographs that it has seen", "percentage points less often"),
        ".recall": ("makes samples reach more of the photographs held out", "percentage points more recall"),
        ".probe": ("makes D's features better at telling kinds of room", "percentage points more right answers"),
    }
    return [
        _after(f"{arm}{key}", "9.4", f"{what} {does}", unit, MORE, varies="trainings")
        for arm, what in arms.items()
        for key, (does, unit) in asked.items()
    ]


CLAIMS = [*_transfer(), *_generator(), *_classes(), *_regularisation(), *_translation()]
