"""What the benchmarks measured, on the screen and in _build/benchmarks.json."""

from __future__ import annotations

import json
from pathlib import Path

from dcgan_core import devices
from dcgan_core.runs import environment

FILE = Path(__file__).resolve().parent.parent / "_build" / "benchmarks.json"


class Report:
    def __init__(self) -> None:
        self.rows: list[dict] = []

    def show(self, what: str, value: float, unit: str, **facts: str | int) -> None:
        """`facts` go into the file alone, for programs that read it."""
        self.rows.append({"what": what, "value": round(value, 4), "unit": unit, **facts})
        print(f"{what:58} {value:10.4g} {unit}", flush=True)

    def save(self) -> None:
        """Beside the rows of other benchmarks, in place of earlier ones of the same name."""
        earlier = json.loads(FILE.read_bytes())["rows"] if FILE.exists() else []
        mine = {row["what"] for row in self.rows}
        rows = [row for row in earlier if row["what"] not in mine] + self.rows
        FILE.parent.mkdir(exist_ok=True)
        results = {"environment": environment(), "device": str(devices.pick()), "rows": rows}
        FILE.write_text(json.dumps(results, indent=1))
        print(FILE)
