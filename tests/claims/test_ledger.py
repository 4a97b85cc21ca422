import json
from types import SimpleNamespace

import pytest
from chapters import BOOK
from conftest import snapshot

from dcgan_core.claims import claim, ledger, shipping
from dcgan_core.claims.board import CHAPTERS, Scoreboard, in_short
from dcgan_core.claims.claim import Claim
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.metrics.walks import walk_smoothness
from dcgan_core.runs import Run, reference_runs

ROW = {"id", "section", "kind", "paper", "value", "low", "high", "unit", "n", "varies", "trainings", "run", "data", "stand_in"}
ROW |= {"setting", "primary", "met", "verdict"}


def put(run: Run, name: str, results: dict) -> Run:
    """A reference run of that name with those results."""
    path = shipping.ship(run, name)
    (path / "results.json").write_text(json.dumps(results))
    return Run(path)


def result(value: float, run: str, *, stand_in: bool = False, spread: float = 0.01) -> dict:
    return {
        "value": value,
        "low": value - spread,
        "high": value + spread,
        "n": 10,
        "run": run,
        "data": "x",
        "stand_in": stand_in,
        "instead": "drawings" if stand_in else "",
    }


def test_ids_are_unique_and_sections_are_the_papers():
    ids = [c.id for c in ledger.CLAIMS]
    assert len(set(ids)) == len(ids)
    assert {c.section.split(".")[0] for c in ledger.CLAIMS} - {"9"} == {"3", "4", "5", "6", "7", "8", "book"}
    assert all(c.statement and c.paper and c.unit and (c.rule is None or c.rule.text) for c in ledger.CLAIMS)
    assert {c.kind for c in ledger.CLAIMS} <= {*claim.KINDS}
    assert {c.varies for c in ledger.CLAIMS} < {*claim.VARIES}
    assert all(c.kind == "control" for c in ledger.CLAIMS if c.section == "book")
    # without a rule nothing can be said of a claim, so none is measured before there is one
    assert not [c.id for c in ledger.CLAIMS if c.kind == "paper" and c.measure and not c.rule]
    assert not [c.id for c in ledger.CLAIMS if c.kind == "comparison" and c.rule]


def test_a_claim_is_found_by_its_id_or_its_near_namesake_is_named():
    assert ledger.claim("walk.smoothness").section == "6.1"
    with pytest.raises(UserError, match=r"did you mean 'walk\.smoothness'"):
        ledger.claim("walk.smothness")


def test_verdicts():
    better = ledger.claim("cifar10.above_kmeans")  # at least 0
    assert ledger.verdict(better, None) == ledger.verdict(better, {}) == "not measured"
    assert ledger.verdict(better, result(0.3, "a")) == "holds"
    assert ledger.verdict(better, result(0.3, "a", stand_in=True)) == "holds on a stand-in"
    assert (
        ledger.verdict(better, result(0.005, "a")) == ledger.verdict(better, result(0.005, "a", stand_in=True)) == "not settled"
    )
    assert ledger.verdict(better, result(-0.3, "a")) == "refuted here"
    assert ledger.verdict(better, result(-0.3, "a", stand_in=True)) == "other setting"  # it may hold on the paper's own data
    assert ledger.verdict(ledger.claim("mnist.above_fc_gan"), result(12, "a")) == "other setting"  # not the paper's baseline
    for other in ("walk.smoothness", "scenes.coverage.drawn-rooms"):
        assert ledger.verdict(ledger.claim(other), result(0.3, "a")) == ledger.verdict(ledger.claim(other), None) == ""
    assert ledger.met(ledger.claim("scenes.coverage.drawn-rooms"), result(0.3, "a")) == "no"
    assert ledger.met(ledger.claim("walk.smoothness"), result(0.3, "a")) == ""


def test_the_ledger_has_one_primary_row_for_every_claim_and_all_its_keys(run, shelf):
    put(run, "one", {"walk.smoothness": result(0.2, "one", stand_in=True)})
    put(run, "two", {"walk.smoothness": result(0.3, "two"), "no.such.claim": result(1, "two")})
    put(run, "three", {"walk.smoothness": result(0.9, "three", stand_in=True)})
    rows = ledger.ledger_rows()
    assert all(row.keys() >= ROW for row in rows)
    assert sorted(row["id"] for row in rows if row["primary"]) == sorted(c.id for c in ledger.CLAIMS)
    sections = [row["section"] for row in rows]
    papers = [[int(part) for part in section.split(".")] for section in sections if section != "book"]
    assert papers == sorted(papers)
    assert set(sections[len(papers) :]) == {"book"}, "the book's own measurements follow the paper's claims"
    walks = [row for row in rows if row["id"] == "walk.smoothness"]
    assert [(row["run"], row["primary"], row["verdict"]) for row in walks] == [
        ("two", True, ""),  # the paper's own kind of data before stand-ins
        ("one", False, ""),
        ("three", False, ""),
    ]
    unmeasured = [row for row in rows if row["id"] != "walk.smoothness"]
    assert {row["verdict"] for row in unmeasured if row["kind"] == "paper"} == {"not measured"}
    assert {row["value"] for row in unmeasured} == {None}


def test_what_a_run_ships_of_a_claim_can_be_asked_for(run, shelf):
    shipped = put(run, "one", {"walk.smoothness": result(0.2, "one")})
    assert ledger.shipped("walk.smoothness", shipped)["value"] == 0.2
    with pytest.raises(UserError, match=r"scenes\.coverage\.drawn-rooms: not measured on one; measure it with: dcgan measure"):
        ledger.shipped("scenes.coverage.drawn-rooms", shipped)


def test_what_a_run_does_not_ship_is_measured_small(run, run_copy):
    assert ledger.known("walk.smoothness", run_copy, "cpu", seed=1)["n"] == 40
    assert not (run_copy.path / "results.json").exists()
    (run_copy.path / "results.json").write_text(json.dumps({"walk.smoothness": result(0.2, "one")}))
    assert ledger.known("walk.smoothness", run_copy) == result(0.2, "one")


def test_the_shipped_ledger_can_be_read():
    """Whatever the repository holds right now."""
    rows = ledger.ledger_rows()
    assert {row["verdict"] for row in rows} <= {*claim.VERDICTS, ""}
    assert {row["verdict"] == "" for row in rows if row["kind"] != "paper"} == {True}
    assert sum(row["primary"] for row in rows) == len(ledger.CLAIMS)
    assert sum(row["value"] is not None for row in rows) > 150
    known = {c.id for c in ledger.CLAIMS}
    assert {i for run in reference_runs() for i in ledger.results_of(run)} <= known, "a result of no claim is shown nowhere"
    for row in rows:
        assert row.keys() >= ROW
        if row["value"] is not None:
            assert row["low"] <= row["value"] <= row["high"]


def test_the_readme_has_the_scoreboard_in_short():
    assert in_short(ledger.ledger_rows()) in (BOOK.parent / "README.md").read_text()


def test_measure_writes_what_it_measured_beside_the_run_and_keeps_the_rest(run_copy):
    (run_copy.path / "results.json").write_text(json.dumps({"older.claim": {"value": 1}}))
    [row] = ledger.measure(run_copy, ["walk.smoothness"], "cpu", seed=2)
    written = json.loads((run_copy.path / "results.json").read_text())
    assert written["older.claim"] == {"value": 1}
    walk = written["walk.smoothness"]
    assert (walk["run"], walk["data"], walk["seed"], walk["n"]) == ("digits", "digits", 2, 1000)
    assert (row["value"], row["low"], row["high"]) == (walk["value"], walk["low"], walk["high"])
    expected = walk_smoothness(run_copy.generator(), 1000, seed=2)
    assert walk["value"] == pytest.approx(expected.value, abs=1e-5)
    assert walk["stand_in"] is True
    assert walk["instead"] == "digits instead of LSUN bedrooms"


def test_results_that_another_process_writes_meanwhile_are_kept(run_copy, monkeypatch):
    def slow(*_):
        (run_copy.path / "results.json").write_text('{"other.claim": 1}')
        return result(0.2, "digits")

    monkeypatch.setattr(ledger, "result", slow)
    ledger.measure(run_copy, ["walk.smoothness"], "cpu")
    assert json.loads((run_copy.path / "results.json").read_text()).keys() == {"other.claim", "walk.smoothness"}


def test_without_ids_all_that_fits_is_measured(run_copy):
    assert [row["id"] for row in ledger.measure(run_copy, [], "cpu")] == ["walk.smoothness"]


def test_without_ids_what_cannot_be_measured_here_is_left_out_and_said(run_copy, monkeypatch, capsys):
    """Such as claims that need the photographs that another's net was trained on."""

    def nothing_there(_):
        raise UserError("the pictures are not here")

    def made(name, measure):
        return Claim(name, "3", "x", "x", "x", None, measure)

    lacking = [made("a.b", nothing_there), made("a.c", nothing_there)]
    monkeypatch.setattr(ledger, "CLAIMS", [*lacking, made("a.d", lambda _: Measurement(1, 0, 2, 1))])
    assert [row["id"] for row in ledger.measure(run_copy, [], "cpu")] == ["a.d"]
    assert "left out: a.b, a.c (the pictures are not here)" in capsys.readouterr().err
    with pytest.raises(UserError, match="the pictures are not here"):
        ledger.measure(run_copy, ["a.b"], "cpu")
    monkeypatch.setattr(ledger, "CLAIMS", lacking)
    with pytest.raises(UserError, match="nothing could be measured on it"):
        ledger.measure(run_copy, [], "cpu")
    with pytest.raises(UserError, match="unknown; use auto"):
        ledger.measure(run_copy, [], "xpu")


@pytest.mark.parametrize(
    ("known", "here"), [({"fingerprint": "f"}, True), ({"content": "c"}, True), ({"content": None}, False)]
)
def test_photographs_are_those_of_a_run_by_what_is_in_them_wherever_they_lie(run_copy, monkeypatch, known, here):
    found = SimpleNamespace(provenance={"fingerprint": "f", "content": "c"})
    monkeypatch.setattr(claim.loading, "load_data", lambda *_, **__: found)
    run_copy.info["data"] |= {"fingerprint": "of before", "content": "another"} | known
    assert claim.has_photographs(run_copy) == here


@pytest.mark.parametrize(
    ("claim_id", "message"),
    [
        ("instability.told_apart", "dcgan ablate measures it"),
        ("architecture.maxout", "nothing here measures it yet"),
        ("cifar10.accuracy", "cannot be measured on digits"),
        ("memorisation.faces", "cannot be measured on digits"),
        ("nonsense", "no claim is called 'nonsense'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(run_copy, claim_id, message):
    before = snapshot(run_copy.path)
    with pytest.raises(UserError, match=message):
        ledger.measure(run_copy, ["walk.smoothness", claim_id], "cpu")
    assert snapshot(run_copy.path) == before


def test_damaged_results_are_an_error_that_names_them(run_copy, shelf):
    (run_copy.path / "results.json").write_text("{")
    with pytest.raises(UserError, match=r"results\.json: damaged"):
        ledger.measure(run_copy, ["walk.smoothness"], "cpu")


def test_demonstrate_measures_small_beside_the_shipped_number(run_copy):
    before = snapshot(run_copy.path)
    table = ledger.demonstrate("walk.smoothness", run_copy, "cpu")
    assert [row[2] for row in table.rows] == ["40", ""]
    assert table.rows[1][1] == "not measured"
    assert snapshot(run_copy.path) == before
    ledger.measure(run_copy, ["walk.smoothness"], "cpu")
    assert [row[2] for row in ledger.demonstrate("walk.smoothness", run_copy, "cpu").rows] == ["40", "1,000"]


def test_an_earlier_stage_is_no_other_net():
    row = next(r for r in ledger.ledger_rows() if r["kind"] == "control" and r["met"])
    other = row | {"primary": False, "met": "no" if row["met"] == "yes" else "yes"}
    stage, net = (Scoreboard([row, other | {"run": name}])._repr_html_() for name in (f"{row['run']}-first", "another"))
    assert "not in every net" not in stage
    assert "not in every net" in net


def test_the_scoreboard_shows_every_claim_and_escapes_what_html_would_read(shelf):
    rows = ledger.ledger_rows()
    board = Scoreboard(rows, bar=True, grouped=True)
    assert len(board.rows) == len(rows)
    assert all(len(row) == len(board.header) for row in board.rows)
    html = board._repr_html_()
    assert html.count('<details class="claim ') == len(rows)
    assert html.count('<h3 class="where">') == len({r["section"] for r in rows})
    assert "&gt; 0.99" in html
    assert "> 0.99" not in html
    assert len(repr(board).splitlines()) == len(rows) + 1
    assert all(row[4 - 1] == "not measured" for row in board.rows)
    controls = Scoreboard([row for row in rows if row["kind"] == "control"])
    assert "verdict" in board.header and "verdict" not in controls.header


def test_results_of_one_claim_are_one_line_and_the_others_are_in_its_fold(run_copy, shelf):
    first = next(r for r in ledger.ledger_rows() if r["id"] == "turn.monotone")
    rows = [first, first | {"primary": False, "value": 0.5, "low": 0.4, "high": 0.6, "n": 7, "run": "another"}]
    html = Scoreboard(rows)._repr_html_()
    assert html.count("<details") == 1 and "<dt>also</dt><dd>another: 0.500 (0.400 to 0.600); n = 7" in html


def test_the_bar_counts_the_verdicts_of_claims_and_lets_each_be_chosen(shelf):
    claims = [row for row in ledger.ledger_rows() if row["kind"] == "paper"]
    rows = [row | {"verdict": verdict} for row, verdict in zip(claims, ["holds", "holds", "not settled"], strict=False)]
    board = Scoreboard(rows, bar=True)._repr_html_()
    assert in_short(rows) == "Of 3 claims of the paper, 2 hold and 1 is not settled."
    assert in_short(rows) in board
    assert board.count('type="radio"') == 3  # all, and two verdicts
    assert 'class="holds" style="flex:2"' in board and 'class="not-settled" style="flex:1"' in board


def test_every_section_of_a_claim_has_a_chapter_that_exists():
    assert {c.section for c in ledger.CLAIMS} <= CHAPTERS.keys()
    assert all((BOOK / f"{page}.py").exists() for page, _ in CHAPTERS.values())


def test_claims_are_found_by_name_and_by_pattern(shelf):
    found = [row[0] for row in ledger.of("turn.monotone", "dedup.recall*").rows]
    assert found[0].startswith("dedup.recall") and found[-1] == "turn.monotone" and len(found) > 3
    with pytest.raises(UserError, match="no claim is called 'dedupe'"):
        ledger.of("dedupe")


def test_a_number_shows_its_interval():
    assert ledger.number(result(0.25, "a")) == "0.250 (0.240 to 0.260)"
    assert ledger.number(result(67, "a", spread=3)) == "67.0 (64.0 to 70.0)"
    assert ledger.number(result(0, "a", spread=250)) == "0.00 (-250 to 250)"
    assert ledger.number({"value": None}) == "not measured"
    assert ledger.number(result(1.13102e-6, "a", spread=0)) == "1.13e-06"


def test_small_numbers_keep_their_digits(run):
    tiny = Claim("x", "3", "x", "x", "x", claim.at_most(1), lambda *_: Measurement(3.1415926e-6, 0, 123.456789, 1))
    measured = ledger.result(tiny, run)
    assert (measured["value"], measured["low"], measured["high"]) == (3.14159e-6, 0, 123.457)


@pytest.mark.parametrize(("said", "seconds"), [(0.0, 2.5), (7.0, 7.0)])
def test_a_row_says_how_long_its_measurement_took(run, monkeypatch, said, seconds):
    """Itself, or what it shares with other claims."""
    clock = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def measure(_):
        clock[0] += 2.5
        return Measurement(1, 0, 2, 1, said)

    assert ledger.result(Claim("x", "3", "x", "x", "x", None, measure), run)["seconds"] == seconds
