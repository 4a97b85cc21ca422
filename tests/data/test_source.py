"""What sources share."""

from dcgan_core.data.sources import source


def test_a_digest_needs_no_list():
    rows = ([i, "ä", None] for i in range(3))
    assert source.digest(rows) == source.digest([[0, "ä", None], [1, "ä", None], [2, "ä", None]])
    assert source.digest([]) != source.digest([[]])
