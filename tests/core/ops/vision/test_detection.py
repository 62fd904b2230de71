"""Operators on boxes: what MXNet's numbers do not show."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError

BOXES = [[0, 0.9, 0, 0, 1, 1], [0, 0.8, 0, 0, 1, 1], [1, 0.7, 0, 0, 1, 1]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nms_in_every_dtype(dtype):
    kept = mx.nd.contrib.box_nms(mx.nd.array(BOXES, dtype=dtype), id_index=0)
    assert kept.dtype == np.dtype(dtype)
    np.testing.assert_allclose(kept.asnumpy()[:, 1], [0.9, 0.7, -1], rtol=1e-3)


def test_nms_of_no_boxes():
    assert mx.nd.contrib.box_nms(mx.nd.array(np.zeros((2, 0, 6)))).shape == (2, 0, 6)


def test_nms_names_the_column_that_is_missing():
    with pytest.raises(ArgumentError, match=r"score_index in \[0, 6\).*Received: 6"):
        mx.nd.contrib.box_nms(mx.nd.array(BOXES), score_index=6)


def test_nms_keeps_what_a_slow_search_keeps():
    rng = np.random.default_rng(1)
    corners = np.sort(rng.uniform(size=(60, 2, 2)), axis=1).reshape(60, 4)
    scores = rng.permutation(60) / 60 + 0.01
    boxes = np.concatenate([scores[:, None], corners], axis=1).astype("float32")
    kept = mx.nd.contrib.box_nms(mx.nd.array(boxes), coord_start=1, score_index=0, overlap_thresh=0.3).asnumpy()
    expected = []
    for box in boxes[np.argsort(-boxes[:, 0])]:
        if all(_overlap(box[1:], other[1:]) <= 0.3 for other in expected):
            expected.append(box)
    np.testing.assert_array_equal(kept[: len(expected)], expected)
    assert (kept[len(expected) :] == -1).all()


def _overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def test_decoding_undoes_encoding():
    rng = np.random.default_rng(2)
    low = rng.uniform(size=(2, 1, 5, 2))
    anchors, refs = (np.concatenate([x, x + rng.uniform(0.1, 1, x.shape)], axis=-1).astype("float32") for x in low)
    matches = np.arange(5)[None].astype("float32")
    stds = [0.1, 0.2, 0.3, 0.4]
    arrays = [np.ones((1, 5)), matches, anchors, refs, np.zeros(4), stds]
    targets, masks = mx.nd.contrib.box_encode(*(mx.nd.array(x) for x in arrays))
    decoded = mx.nd.contrib.box_decode(targets, mx.nd.array(anchors), *stds, format="corner")
    np.testing.assert_allclose(decoded.asnumpy(), refs, rtol=1e-4, atol=1e-5)
    assert masks.asnumpy().all()


def test_targets_without_labels_are_ignored():
    anchors, scores = mx.nd.array([[[0, 0, 1, 1]]]), mx.nd.zeros((2, 3, 1))
    offsets, masks, classes = mx.nd.contrib.MultiBoxTarget(
        anchors, mx.nd.array(np.zeros((2, 0, 5))), scores, ignore_label=-3
    )
    assert not offsets.asnumpy().any()
    assert not masks.asnumpy().any()
    assert (classes.asnumpy() == -3).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mx.nd.contrib.MultiBoxPrior(mx.nd.zeros((2, 3, 4))), r"\(N, C, H, W\)"),
        (lambda: mx.nd.contrib.MultiBoxPrior(mx.nd.zeros((1, 2, 3, 4)), sizes=(0,)), "positive sizes"),
        (lambda: mx.nd.contrib.bipartite_matching(mx.nd.zeros((3,)), threshold=1), "rows, columns"),
        (lambda: mx.nd.contrib.box_iou(mx.nd.zeros((2, 3)), mx.nd.zeros((2, 4))), r"\(\.\.\., 4\)|\(2, 4\)"),
        (
            lambda: mx.nd.contrib.Proposal(mx.nd.zeros((2, 24, 2, 2)), mx.nd.zeros((2, 48, 2, 2)), mx.nd.zeros((2, 3))),
            "MultiProposal",
        ),
        (
            lambda: mx.nd.contrib.MultiBoxDetection(
                mx.nd.zeros((1, 2, 3)), mx.nd.zeros((1, 11)), mx.nd.zeros((1, 3, 4))
            ),
            "loc_pred",
        ),
    ],
)
def test_wrong_inputs_are_named(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_mask_targets_are_cut_out_of_the_matched_masks():
    rois = mx.nd.array([[[2.3, 4.3, 2.2, 3.3], [3.5, 5.5, 0.9, 2.4]]])
    masks = mx.nd.arange(0, 4 * 32 * 32).reshape((1, 4, 32, 32))
    targets, classes = mx.nd.contrib.mrcnn_mask_target(
        rois, masks, mx.nd.array([[2, 0]]), mx.nd.array([[2, 1]]), num_rois=2, num_classes=4, mask_size=(3, 3)
    )
    # GluonCV's generator gives these
    first = [[2193.4, 2193.7332, 2194.0667], [2204.0667, 2204.4, 2204.7334], [2214.7334, 2215.0667, 2215.4]]
    second = [[185, 185.33334, 185.66667], [195.66667, 196.00002, 196.33334], [206.33333, 206.66666, 207]]
    expected = np.repeat(np.array([[first, second]])[:, :, None], 4, axis=2)
    np.testing.assert_allclose(targets.asnumpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(classes.asnumpy()[0, :, :, 0, 0], [[0, 0, 1, 0], [0, 1, 0, 0]])


def test_overlap_of_many_boxes():
    boxes = np.random.RandomState(5).uniform(0, 1, (900, 4)).astype(np.float32)  # some have negative sides
    boxes[::7, 2:] = boxes[::7, :2]  # and some no area
    found = mx.nd.contrib.box_iou(mx.nd.array(boxes), mx.nd.array(boxes[:700])).asnumpy()
    low = np.maximum(boxes[:, None, :2], boxes[None, :700, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :700, 2:])
    common = np.maximum(high - low, 0).prod(axis=2).astype(np.float64)
    area = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1).astype(np.float64)
    union = area[:, None] + area[:700] - common
    np.testing.assert_allclose(found, np.where(common > 0, common / np.where(union > 0, union, 1), 0), atol=2e-6)
