"""`dcgan claims`: the ledger."""

import argparse
import json


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("claims", help="list the paper's claims and what was measured")
    p.add_argument("--json", action="store_true", help="print the rows as JSON")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger

    rows = ledger.ledger_rows()
    if args.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in sorted(rows, key=lambda row: row["kind"] != "paper"):  # the paper's claims first
            print(ledger.line(row))
