import numpy as np
import pytest
from conftest import encode, make_folder, noise

from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.probes import features, protocols, tasks
from dcgan_core.probes.protocols import Search
from dcgan_core.probes.tasks import Question, make_task


def test_a_task_of_real_digits_is_shuffled_and_some_held_out(run):
    task = make_task(Question(run, "digits"))
    assert (len(task.x) + len(task.test_x), task.x.shape[1]) == (1797, 24 * 16)
    assert task.held_out == len(task.x) // 5
    in_order = loading.load_data("digits", 16).labels
    assert sorted(task.labels) == sorted(in_order)
    assert list(task.labels[:50]) != list(in_order[:50])
    assert protocols.full(task).accuracy > 0.8


@pytest.mark.parametrize("kind", ["random", "pixels", "kmeans"])
def test_baselines_see_the_same_images_in_the_same_order(run, kind):
    task = make_task(Question(run, "digits", kind, images=400, centroids=20))
    trained = make_task(Question(run, "digits", images=400))
    assert np.array_equal(task.labels, trained.labels)
    assert protocols.full(task, Search((1e-3, 1e-2, 1e-1))).accuracy > 0.6
    if kind == "pixels":
        assert task.x.shape[1] == 256
    if kind == "kmeans":
        rest = task.x[task.held_out :]
        assert rest.mean(0).abs().max() < 1e-3
        assert rest.std(0).max() < 1.01


def test_grey_images_are_shown_to_a_colour_net_only_when_asked(data):
    make_folder(
        data / "grey", {f"{s}/{c}/{i}.png": encode(noise(i)) for s in ("train", "test") for c in "ab" for i in range(9)}
    )
    a = Architecture(16, 3, (4,), (2,), kernel=4)
    with pytest.raises(UserError, match=r"digits: images with 1 channel\(s\); this net takes 3; `grey_as_colour` repeats"):
        tasks.load_pair("digits", a)
    train, _ = tasks.load_pair("digits", a, grey_as_colour=True)
    assert train.images[3:5].shape == (2, 3, 16, 16)
    assert (train.images[3:5].std(1) == 0).all()
    with pytest.raises(UserError, match=r"grey: images with 3 channel\(s\); this net takes 1$"):
        tasks.load_pair("grey", Architecture(16, 1, (4,), (2,), kernel=4), grey_as_colour=True)


def test_a_set_without_labels_is_refused(data):
    make_folder(data / "plain", {f"{s}/{i}.png": encode(noise(i)) for s in ("train", "test") for i in range(3)})
    with pytest.raises(UserError, match="plain: has no labels"):
        tasks.load_pair("plain", Architecture(16, 3, (4,), (2,), kernel=4))


def test_more_labels_than_there_are_is_said_before_the_features_are_made(run, monkeypatch):
    monkeypatch.setattr(features, "extract", lambda *a, **k: pytest.fail("made features first"))
    with pytest.raises(UserError, match="`labels_each` 300: digits has"):
        make_task(Question(run, "digits", labels_each=300))


def test_statistics_come_from_images_that_neither_choose_nor_test(run, monkeypatch):
    seen, estimate = [], features.estimate_on
    monkeypatch.setattr(features, "estimate_on", lambda net, x, **how: seen.append(np.array(x)) or estimate(net, x, **how))
    make_task(Question(run, "digits", images=400))
    whole = loading.load_data("digits", 16)
    order = np.random.default_rng(0).permutation(len(whole))[:400]
    assert np.array_equal(seen[0], whole.images[order[80:]])
