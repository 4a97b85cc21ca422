"""What ships, and how chapters 3 and 7 show it."""

import ablating
import pytest
from conftest import ships_from

from dcgan_core.ablations import measuring, shipping, variants
from dcgan_core.ablations.variants import VARIANTS
from dcgan_core.claims import ledger


@pytest.fixture
def small(monkeypatch):
    ablating.shrink(monkeypatch)


@pytest.mark.slow
def test_what_is_shipped_reaches_the_ledger(small, tmp_path, monkeypatch):
    ships_from(monkeypatch, "ablations", tmp_path / "book")
    monkeypatch.setattr(variants, "SEEDS", 2)
    assert shipping.shipped_table()["rows"] == [] and shipping.rows() == [] and shipping.sheets(["lr"]) == []
    assert "not measured" in str(ablating.CHAPTER_3.table([]))
    assert ablating.ablate(tmp_path / "out", "--seeds", "2", "--only", "lr-0.001", "--ship") == 0
    rows = {row["id"]: row for row in ledger.ledger_rows() if row["id"].startswith("ablation.")}
    assert rows["ablation.lr"]["verdict"] == "other setting", "so short that the baseline reaches next to nothing"
    assert rows["ablation.lr"]["run"] == "ablations/lr-0.001" and rows["ablation.lr"]["data"] == "digits"
    assert rows["ablation.strides"]["verdict"] == "not measured"
    assert [row["claim"] for row in shipping.rows(["lr", "strides"])] == ["ablation.lr"]


@pytest.mark.slow
def test_a_table_with_less_in_it_than_the_shipped_one_is_not_shipped(small, tmp_path, monkeypatch, capsys):
    ships_from(monkeypatch, "ablations", tmp_path / "book")
    out = tmp_path / "out"
    assert ablating.ablate(out, "--seeds", "2", "--only", "lr-0.001", "--ship") == 1
    assert "fewer than 5 pairs: 2 rows" in capsys.readouterr().err and not any((tmp_path / "book").iterdir())
    monkeypatch.setattr(variants, "SEEDS", 2)
    assert ablating.ablate(out, "--seeds", "2", "--only", "lr-0.001", "--ship") == 0
    before = (tmp_path / "book/results.json").read_bytes()
    assert ablating.ablate(tmp_path / "other", "--seeds", "2", "--only", "relu", "--ship") == 1
    assert "lacks ablations/lr-0.001 of what ships now" in capsys.readouterr().err
    assert (tmp_path / "book/results.json").read_bytes() == before


def test_the_shipped_table_has_five_pairs_in_each_row():
    rows = shipping.rows()
    assert len(rows) >= 11
    for row in rows:
        assert row["n"] >= 5 and ablating.CHAPTER_3.sentence(row)
        assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.parametrize(
    ("claim", "ratios", "said", "so"),
    [
        ("lr", (2.0, 2.1, 2.2), "worse samples by the Fréchet distance", "3 pairs)."),
        ("lr", (0.5, 0.52, 0.48), "better samples", "3 pairs)."),
        ("lr", (0.5, 2.0, 1.0), "no difference shown", "3 pairs)."),
        ("beta1", (1.0, 1.1, 0.9), "no difference shown", "Movement of fixed z is not shown to rise: +0.00"),
        ("kernel", (1.01, 1.02, 1.03), "no difference that counts", "3 pairs)."),
        ("kernel", (0.5, 2.0, 1.0), "not settled", "reaches out of 0.8 to 1.25"),
        ("kernel", (2.0, 2.1, 2.2), "worse samples", "3 pairs)."),
    ],
)
def test_sentences_follow_the_numbers_and_the_ledger(claim, ratios, said, so):
    variant = next(v for v in VARIANTS if v.claim == claim)
    followed = {seed: ablating.measured() for seed in range(3)}
    row = measuring.row(variant, followed, {s: ablating.measured(frechet=10 * r, recall=0.4) for s, r in enumerate(ratios)})
    sentence = ablating.CHAPTER_3.sentence(row)
    assert said in sentence and so in sentence and f"{row['value']:.2f} times" in sentence
    assert "collapsed" not in sentence and "Also changed" not in sentence
    assert ("as the paper has it" in sentence) == (claim in ablating.CHAPTER_3.OSCILLATES)
    rule = ledger.claim(f"ablation.{claim}").rule
    met = said == "no difference that counts" if claim == "kernel" else said.startswith("worse samples")
    assert (rule.decide(row["value"], row["low"], row["high"]) is True) == met
    removed = {s: ablating.measured(collapsed="x", recall=0.1, oscillation=0.5 + 0.01 * s) for s in range(3)}
    row = measuring.row(variant, followed, removed)
    assert "3 of 3 collapsed, against 0" in ablating.CHAPTER_3.sentence(row)
    assert "Also changed: recall -0.30, movement of fixed z +0.31." in ablating.CHAPTER_3.sentence(row)
    assert ("Movement of fixed z rose" in ablating.CHAPTER_3.sentence(row)) == (claim in ablating.CHAPTER_3.OSCILLATES)
    assert "0 → 3 of 3" in str(ablating.CHAPTER_3.table([row])) and "0.40 → 0.10 (-0.30 to -0.30)" in str(
        ablating.CHAPTER_3.table([row])
    )
