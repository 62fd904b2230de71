"""Class numbers in label arrays."""

import numpy as np

from mxtrain.base import ArgumentError


def class_numbers(xp, label, num_classes, ignored=None):
    """The label as int64 numbers from 0 to num_classes - 1; 0 where `ignored` (a mask) holds.

    Raises ArgumentError on a CPU for a label that is no class (on a GPU the check would wait for the device).
    """
    classes = label.astype(np.int64)
    if ignored is not None:
        classes[ignored] = 0
    # a negative number is a huge one without its sign, so that one comparison finds both
    if xp is np and classes.size and classes.view(np.uint64).max() >= num_classes:
        wrong = classes[classes.view(np.uint64) >= num_classes][0]
        raise ArgumentError(
            f"Expected: labels from 0 to {num_classes - 1}, one per class of data. Received: label {wrong}."
        )
    return classes
