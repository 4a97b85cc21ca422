from dcgan_core.figures.tables import Table


def test_a_table_puts_numbers_to_the_right_and_names_each_cell_for_a_phone():
    html = Table(
        ["run", "value, %"], [["faces", "76.8 (75.9 to 77.6)"], ["mnist", "not measured"]], caption="Two & more"
    )._repr_html_()
    assert "<caption>Two &amp; more</caption>" in html
    assert '<td style="text-align:left" data-label="run">faces</td>' in html
    assert '<td style="text-align:right" data-label="value, %">76.8 (75.9 to 77.6)</td>' in html
    assert '<th style="text-align:right">value, %</th>' in html


def test_cells_are_escaped_and_show_neither_backticks_nor_python():
    table = Table(["a"], [["x < `dcgan claims`"], [(64, 128)]])
    html = table._repr_html_()
    assert "x &lt; <code>dcgan claims</code>" in html and ">64, 128<" in html
    assert repr(table).splitlines() == ["a", "x < `dcgan claims`", "64, 128"]


def test_only_a_table_of_four_columns_or_more_becomes_cards():
    assert "dcgan-wide" in Table(["a", "b", "c", "d"], [])._repr_html_()
    assert "dcgan-wide" not in Table(["a", "b", "c"], [])._repr_html_()
