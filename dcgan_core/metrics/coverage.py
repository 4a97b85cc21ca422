"""Do samples show what the data show, as often and together? By what a judge says of both."""

from collections.abc import Callable

import numpy as np

from dcgan_core.intervals import Measurement, bootstrap


def coverage(
    read: Callable[[np.ndarray], dict[str, np.ndarray]], data: np.ndarray, samples: np.ndarray, seed: int = 0
) -> Measurement:
    """Do samples show what the data show, as often, and in the same combinations?

    Every picture falls into one cell: one combination of what `read` says of it, such as bed, window, no lamp, no door. The
    value is the overlap of the two distributions over cells, the sum of the smaller of the two shares: 1 where they are equal,
    0 where they never meet. Both are read by the same judge. Two halves of the data give the height that can be reached with so
    many pictures (`data_with_data`). It says nothing of how good a picture is: a judge answers for a muddle too. How often it
    hesitates (a probability from 0.1 to 0.9) is in `details`. data, samples: uint8 N x 3 x size x size. read: images -> the
    probability of each thing that they may show, N numbers.
    """
    tables = [read(images) for images in (data, samples)]
    weights = 2 ** np.arange(len(tables[0]))
    cells = [((np.stack(list(t.values()), 1) > 0.5) * weights).sum(1) for t in tables]
    # chance makes small shares uneven and so lowers every overlap: the value's, and again that of each draw by as much. Of
    # the draws only the spread is used, and the interval reaches up to where the value would be without that
    value, low, high = bootstrap(_overlap, *cells, seed=seed)
    margin, lost = (high - low) / 2, max(0.0, value - (low + high) / 2)
    half = len(data) // 2
    details = {
        "data_with_data": _overlap(cells[0][:half], cells[0][half:]),
        "cells_in_data": len(np.unique(cells[0])),
        "cells_in_samples": len(np.unique(cells[1])),
        "data": len(data),
        "factors": {
            name: {
                "data": round(float((p > 0.5).mean()), 4),
                "samples": round(float((q > 0.5).mean()), 4),
                "unsure_data": round(float(((p > 0.1) & (p < 0.9)).mean()), 4),
                "unsure_samples": round(float(((q > 0.1) & (q < 0.9)).mean()), 4),
            }
            for (name, p), q in zip(tables[0].items(), tables[1].values(), strict=True)
        },
    }
    return Measurement(value, value - margin, min(value + lost + margin, 1.0), len(samples), details=details)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    length = int(max(a.max(), b.max())) + 1
    shares = [np.bincount(x, minlength=length) / len(x) for x in (a, b)]
    return float(np.minimum(*shares).sum())
