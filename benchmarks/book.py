"""How long `make book` takes: from nothing, again, and after one thing has changed. In a copy; not part of `make bench`.

After a change in the core most chapters are executed again: reckoned from the seconds that each took, unless --all is given.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Report

ROOT = Path(__file__).resolve().parent.parent
CHANGES = {  # what is changed, and the first line that a line is put behind
    "a chapter": ("book/data.py", "import tomllib"),
    "a leaf module": ("dcgan_core/figures/curves.py", r"def .*?:\n    \"\"\".*?\"\"\""),
    "a core module": ("dcgan_core/latent.py", r"def generate_pixels.*?:\n    \"\"\".*?\"\"\""),
}
STALE = """
import json, sys
sys.path.insert(0, "book")
import build
how = {"profile": "quick", "seed": 0, "device": "auto"}
names = [n for n in build.chapters() if build.stale(n, how)]
print(len(names), sum(json.loads((build.EXECUTED / f"{n}.json").read_text())["seconds"] for n in names))
"""


def changed(place: Path, file: str, behind: str) -> None:
    """A statement more, which does nothing; comments would not count."""
    path = place / file
    text = path.read_text()
    found = re.search(behind, text, re.DOTALL)
    if found is None:
        raise SystemExit(f"{file}: {behind} is not in it")
    indent = "" if behind.startswith("import") else "    "
    path.write_text(f"{text[: found.end()]}\n{indent}0  # noqa\n{text[found.end() :]}")


def build(place: Path, *words: str) -> tuple[float, dict[str, float]]:
    """Seconds of `make book`, and of each chapter that it executed."""
    start = time.perf_counter()
    said = python(place, "book/build.py", *words)
    took = {name: float(x) for name, x in re.findall(r"^(\w+) +([\d.]+) s +\(", said, re.MULTILINE)}
    return time.perf_counter() - start, took


def python(place: Path, *words: str) -> str:
    """What a program prints that runs in the copy, with the copy's library."""
    environment = os.environ | {"PYTHONPATH": str(place), "DCGAN_CACHE": str(place / "cache")}
    run = subprocess.run([sys.executable, *words], cwd=place, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return run.stdout


def main() -> None:
    report = Report("book")
    with tempfile.TemporaryDirectory() as root:
        place = Path(root) / "checkout"
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
        for name in listed.splitlines():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
        seconds, took = build(place)
        longest = max(took, key=took.__getitem__)
        report.show("make book: from nothing", seconds, "s", chapters=len(took))
        report.show("make book: its longest chapter, beside another", took[longest], "s", longest=True)
        report.show("make book: again", build(place)[0], "s", chapters=0)
        (place / "_build" / "executed" / f"{longest}.json").unlink()
        _, alone = build(place, "--only", longest)
        report.show("make book: its longest chapter, alone", alone[longest], "s", longest=True)
        site = 0.0
        for what, (file, behind) in CHANGES.items():
            changed(place, file, behind)
            if what == "a core module" and "--all" not in sys.argv:
                number, sum_of_seconds = python(place, "-c", STALE).split()
                count, seconds = int(number), float(sum_of_seconds) + site
                report.show(f"make book: after a change in {what}", seconds, "s", chapters=count, reckoned=True, file=file)
                continue
            seconds, took = build(place)
            site = site or seconds  # the first change is in a page that takes a second or two: nearly all of it is the site
            report.show(f"make book: after a change in {what}", seconds, "s", chapters=len(took), file=file)
    report.save()


if __name__ == "__main__":
    main()
