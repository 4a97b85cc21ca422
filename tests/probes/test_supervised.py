import pytest

from dcgan_core.errors import UserError
from dcgan_core.probes import supervised, tasks


def test_the_purely_supervised_net_learns_from_the_labels_alone(run):
    train, test = tasks.load_pair("digits", run.architecture)
    result, trials = supervised.random_search(train, test, run.architecture, labels_each=30, trials=2, epochs=6, progress=False)
    assert len(trials) == 2
    assert {"learning_rate", "validation_accuracy"} <= trials[0].keys()
    assert result.accuracy > 0.4
    with pytest.raises(UserError, match="`labels_each` 500: digits has .* images of class .*; ask for at most"):
        supervised.random_search(train, test, run.architecture, labels_each=500, progress=False)
