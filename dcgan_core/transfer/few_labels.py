"""Frozen, fine-tuned, from scratch, on the same few labels: what chapter 9.1 rests on. `dcgan after transfer` measures it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from dcgan_core import devices
from dcgan_core.ablations.measuring import ledger_row
from dcgan_core.data import loading
from dcgan_core.data.images import Kept
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.intervals import Measurement, student
from dcgan_core.probes import features, supervised, tasks
from dcgan_core.probes.supervised import Hyperparameters
from dcgan_core.probes.svm import SVM, Solver
from dcgan_core.runs import Run
from dcgan_core.transfer import finetuning
from dcgan_core.transfer.finetuning import Arm, LabelledPictures, Plan, Trials

DRAWS = 5  # of labels, for the chosen settings; another one chooses
HELD, TESTED = 2000, 5000  # validation and test pictures, at most
UNLABELLED = 10_000  # training pictures that batchnorm's statistics are estimated on
THREE = ("frozen", "finetune", "scratch")
ATTRIBUTES = {"smile": "Smiling", "glasses": "Eyeglasses"}


@dataclass(frozen=True)
class Study:
    """One question: which labels, how many of each class, and how long nets learn."""

    name: str  # cifar10_400; faces_smile
    run: str
    each: int
    images: int  # that every chosen net sees
    plan: Plan | None = None  # None: the settings are those that another study chose
    settings_of: str = ""
    c: float | None = None  # of the SVM; None: chosen
    arms: tuple[str, ...] = THREE


STUDIES = {
    s.name: s
    for s in (
        Study("cifar10_100", "imagenet32-third", 100, 100_000, Plan(brief=1000, longer=20_000), arms=(*THREE, "alone")),
        Study("cifar10_400", "imagenet32-third", 400, 100_000, settings_of="cifar10_100", c=1e-4),  # C, too
        Study("cifar10_400_brief", "imagenet32-third", 400, 12_000, settings_of="cifar10_100", c=1e-4),
        Study("cifar10_10", "imagenet32-third", 10, 25_000, settings_of="cifar10_100", arms=(*THREE, "batch")),
        Study("faces_smile", "faces", 100, 3000, Plan(brief=400, longer=1600)),
        Study("faces_glasses", "faces", 100, 3000, settings_of="faces_smile"),
        Study("cifar10_25", "imagenet32-third", 25, 25_000, settings_of="cifar10_100"),
    )
}
ALONE = 64  # trials of the paper's control, of which 16 are those of `scratch`


class StudyPictures:
    """A labelled set: training pictures to draw labels from, validation and test pictures, and what D makes of them."""

    def __init__(self, study: Study, device: torch.device, seed: int) -> None:
        self.run, self.device, self.seed = Run(study.run), device, seed
        a, (data, _, what) = self.run.architecture, study.name.partition("_")
        if data == "faces":
            train, test = (loading.load_data(data, a.size, split) for split in source.SPLITS)
            self.classes: tuple[str, ...] = (f"not {ATTRIBUTES[what]}", ATTRIBUTES[what])
            labels = [_attribute(d, ATTRIBUTES[what]) for d in (train, test)]
        else:
            train, test = tasks.load_pair(data, a)
            self.classes, labels = train.classes, [train.known_labels, test.known_labels]
        self.images, self.labels = train.images, labels[0]
        known = np.flatnonzero(labels[0] >= 0)
        order = known[np.random.default_rng(seed).permutation(len(known))]
        self.held, self.rest = order[:HELD], order[HELD:]
        tested = np.flatnonzero(labels[1] >= 0)
        tested = np.sort(np.random.default_rng([seed, 1]).permutation(tested)[:TESTED])
        self.test = LabelledPictures(torch.from_numpy(np.array(test.images[tested])), labels[1][tested])

    def draw(self, each: int, number: int) -> LabelledPictures:
        """Draw `number` of `each` labels a class; 0 chooses, the others are scored."""
        rng = np.random.default_rng([self.seed, each, number])
        places = [self.rest[self.labels[self.rest] == k] for k in range(len(self.classes))]
        if (fewest := min(map(len, places))) < each:
            raise UserError(f"{self.run.data_name}: {fewest} pictures of a class that are not held out; {each} are asked for")
        return self._at(np.sort(np.concatenate([rng.choice(p, each, replace=False) for p in places])))

    def _at(self, places: np.ndarray) -> LabelledPictures:
        return LabelledPictures(torch.from_numpy(np.array(self.images[places])), self.labels[places])

    @cached_property
    def validation(self) -> LabelledPictures:
        return self._at(np.sort(self.held))

    @cached_property
    def how(self) -> features.Features:
        return features.of_discriminator(self.d)

    @cached_property
    def d(self):
        """The frozen D, its batchnorm statistics those of training pictures that are neither validation nor test."""
        return finetuning.adapted(self.run, Kept(self.images, self.rest[:UNLABELLED]), seed=self.seed, device=self.device)

    @cached_property
    def held_features(self) -> Tensor:
        return features.extract(self.how, self.validation.x.numpy())

    @cached_property
    def test_features(self) -> Tensor:
        return features.extract(self.how, self.test.x.numpy())


def _attribute(data, name: str) -> np.ndarray:
    """1 with it, 0 without, -1 not known."""
    column = data.attributes[:, data.attribute_names.index(name)].astype(np.int64)
    return np.where(column == 0, -1, (column + 1) // 2)


# --- measuring --------------------------------------------------------------------------------------------------------


class Measured:
    """What was found of one study so far, in a file that is written after each trial and each draw."""

    def __init__(self, study: Study, out: Path, device: torch.device, seed: int) -> None:
        self.study, self.out, self.device, self.seed = study, out, device, seed
        path = out / f"{study.name}.json"
        self.found: dict = read_json(path, "measurements") if path.exists() else {}

    @cached_property
    def pictures(self) -> StudyPictures:
        return StudyPictures(self.study, self.device, self.seed)

    @property
    def classes(self) -> int:
        return len(self.pictures.classes)

    def save(self, arm: str) -> None:
        """Only one arm anew: another process may have measured the others meanwhile."""
        path = self.out / f"{self.study.name}.json"
        there = read_json(path, "measurements") if path.exists() else {}
        write_json(path, there | {arm: self.found[arm]})

    def _record(self, arm: str) -> dict:
        return self.found.setdefault(arm, {"trials": [], "draws": {}})

    def arm(self, name: str, draws: int) -> None:
        """All of one arm that is not there yet."""
        at = self._record(name)
        missing = [number for number in range(1, draws + 1) if str(number) not in at["draws"]]
        if not missing:
            return
        score = self._frozen if name == "frozen" else self._learning(name, at)
        for number in missing:
            at["draws"][str(number)] = round(100 * score(number), 3)
            self.save(name)
            print(f"{self.study.name} {name} {number}: {at['draws'][str(number)]:.2f} %", flush=True)

    def _frozen(self, number: int) -> float:
        p = self.pictures
        return finetuning.recall(self._svm(number).predict(p.test_features), p.test.y, self.classes)

    def _svm(self, number: int) -> SVM:
        """The SVM of one draw, kept in a file: fine-tuning starts from it, too."""
        path, p, at = self.out / f"{self.study.name}-{number}.safetensors", self.pictures, self._record("frozen")
        if self.study.c is not None:
            at["c"] = self.study.c
        elif "c" not in at:
            few, held = p.draw(self.study.each, 0), p.validation.y
            found = finetuning.choose_c(p.how, few, p.held_features, held, self.classes)
            at["trials"] = [{"c": c, "validation": value} for c, value in found.items()]
            at["c"] = max(found, key=lambda c: found[c])
            self.save("frozen")
        if not path.exists():
            machine = Solver(*finetuning.svm_rows(p.how, p.draw(self.study.each, number)), self.classes, self.device)
            write_atomically(path, safetensors.torch.save({"weights": machine.solve(at["c"]).weights.cpu()}))
        return SVM(safetensors.torch.load_file(path)["weights"].to(self.device), at["c"])

    def _arm(self, name: str, number: int) -> Arm:
        """What learns from a draw. `batch`: as `finetune`, but batchnorm normalises by each batch."""
        p, start = self.pictures, None
        if name in ("finetune", "batch"):
            start = finetuning.with_svm(p.d, self._svm(number), finetuning.SHARP)
        return Arm(p.run.architecture, self.classes, start, self.device, False if name == "batch" else None)

    def chosen(self, name: str) -> tuple[Hyperparameters, bool]:
        """The setting for an arm. `alone` goes on with the trials of `scratch`; `batch` takes what `finetune` does."""
        if self.study.plan is None:
            other = Measured(STUDIES[self.study.settings_of], self.out, self.device, self.seed)
            return other.chosen(name)
        p, plan = self.pictures, self.study.plan
        name = "finetune" if name == "batch" else name
        at = self._record(name)
        if name == "alone":
            at["trials"] = at["trials"] or [*self.found["scratch"]["trials"]]
            plan = replace(plan, trials=ALONE, kept=2 * plan.kept)
        trials = Trials(at["trials"], lambda: self.save(name))
        return trials.best(self._arm(name, 0), p.draw(self.study.each, 0), p.validation, plan, seed=self.seed)

    def _learning(self, name: str, at: dict) -> Callable[[int], float]:
        p, study = self.pictures, self.study
        setting, every = self.chosen(name)
        at["chosen"] = {**asdict(setting), "every": every}
        twin = self.found.get("scratch", {}) if name == "alone" else {}

        def score(number: int) -> float:
            if twin.get("chosen") == at["chosen"] and str(number) in twin["draws"]:
                return twin["draws"][str(number)] / 100  # the very same net
            few, arm = p.draw(study.each, number), self._arm(name, number)
            with supervised.progress_bar(f"{study.name} {name} {number}", study.images) as bar:
                net = arm.learn(few, setting, every, images=study.images, seed=1000 + number, bar=bar)
            return finetuning.recall(finetuning.answers(net, p.test.x), p.test.y, self.classes)

        return score


def measure_transfer(out: Path, only: Iterable[str] = (), *, seeds: int = DRAWS, device: str = "auto", seed: int = 0) -> dict:
    """Measures what is not there yet in `out`, study by study; returns the table, which is also in `out`/transfer.json.

    only: names of STUDIES, or `study/arm`; seeds: draws of labels (default: DRAWS). Raises UserError for unknown studies, and
    where the pictures are not at hand.
    """
    known = [*STUDIES, *(f"{s.name}/{arm}" for s in STUDIES.values() for arm in s.arms)]
    for name in only:
        if name not in known:
            raise UserError(f"`only` {name}: there are {', '.join(known)}")
    out.mkdir(parents=True, exist_ok=True)
    for study in STUDIES.values():
        arms = [a for a in study.arms if not only or study.name in only or f"{study.name}/{a}" in only]
        measured = Measured(study, out, devices.pick(device), seed)
        for arm in arms:
            measured.arm(arm, seeds)
    table = {"rows": _transfer_rows(out), "studies": {name: m for name in STUDIES if (m := _found(out, name))}}
    write_json(out / "transfer.json", table)
    return table


# --- the ledger's rows ------------------------------------------------------------------------------------------------


def _found(out: Path, name: str) -> dict:
    """A study's record with what was planned; empty where nothing is there yet."""
    path, study = out / f"{name}.json", STUDIES[name]
    if not path.exists():
        return {}
    return {"study": asdict(study), "arms": read_json(path, "measurements")}


def _transfer_rows(out: Path) -> list[dict]:
    """What the studies in `out` say, as results.json has it, with the `claim`. Two arms are compared on the draws of both."""
    made = []
    for name, study in STUDIES.items():
        found = _found(out, name).get("arms") or {}
        arms = {arm: at["draws"] for arm, at in found.items()}
        if "alone" in study.arms and len(arms.get("alone", ())) < len(arms.get("scratch", ())):
            arms["alone"] = arms["scratch"]  # the control with as many trials as there are
        made += [_row(f"{claim}.{name}", name, arms, pair) for claim, pair in PAIRS.items()]
        if name == "cifar10_400":
            made += [_row(f"{arm}.{name}", name, arms, (arm,)) for arm in study.arms]
        if control := _row("", name, arms, ("alone",)):
            count = len({row["trial"] for arm in ("scratch", "alone") for row in found.get(arm, {}).get("trials", ())})
            control["details"] |= {"trials": count, "images": study.images}
            made.append(control | {"claim": "cifar10.supervised_1000"})  # of §5.2
    return [row for row in made if row]


PAIRS = {
    "finetune_frozen": ("finetune", "frozen"),
    "finetune_scratch": ("finetune", "scratch"),
    "own_statistics": ("finetune", "batch"),
    "frozen_supervised": ("frozen", "alone"),
}


def _row(claim: str, name: str, arms: dict[str, dict[str, float]], chosen: tuple[str, ...]) -> dict:
    """The mean of one arm's draws, or of the difference of two; empty with fewer than two draws."""
    both = sorted(set.intersection(*(set(arms.get(arm, ())) for arm in chosen)))
    if len(both) < 2:
        return {}
    draws = {arm: [arms[arm][number] for number in both] for arm in chosen}
    values = np.array(list(draws.values()))
    less = values[0] - values[1] if len(values) > 1 else values[0]
    details = {"draws": draws, "means": {arm: round(float(np.mean(v)), 3) for arm, v in draws.items()}}
    measured = Measurement(*student(less.tolist()), len(less), details=details)
    return ledger_row(f"after.{claim}", measured, "after/transfer", name.partition("_")[0])
