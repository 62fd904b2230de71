"""Sentences as batches, and checkpoints of recurrent models."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import rnn


def test_vocabularies():
    sentences = [["a", "b", "c"], ["b", "c", "d"]]
    encoded, vocab = rnn.encode_sentences(sentences, start_label=1, invalid_label=0)
    assert encoded == [[1, 2, 3], [2, 3, 4]]
    assert vocab == {"\n": 0, "a": 1, "b": 2, "c": 3, "d": 4}
    known = {"a": 1, "b": 2, "c": 3}
    assert rnn.encode_sentences(sentences, dict(known), unknown_token="?")[0] == [[1, 2, 3], [2, 3, 0]]
    with pytest.raises(mx.MXNetError, match="'d'"):
        rnn.encode_sentences(sentences, dict(known))


@pytest.mark.parametrize("layout", ["NT", "TN"])
def test_batches_of_buckets(layout):
    sentences = [[i] * length for i, length in enumerate((2, 3, 3, 2, 5, 9), 1)]
    batches = rnn.BucketSentenceIter(sentences, batch_size=2, buckets=[3, 5], invalid_label=0, layout=layout)
    assert batches.default_bucket_key == 5
    seen = []
    for batch in batches:
        data, label = batch.data[0].asnumpy(), batch.label[0].asnumpy()
        assert batch.bucket_key == 3
        assert data.shape == tuple(batch.provide_data[0].shape) == ((2, 3) if layout == "NT" else (3, 2))
        data, label = (data, label) if layout == "NT" else (data.T, label.T)
        np.testing.assert_array_equal(label[:, :-1], data[:, 1:])
        assert not label[:, -1].any()
        seen += data[:, 0].tolist()
    assert sorted(seen) == [1, 2, 3, 4]  # the sentence of 5 fills no batch, that of 9 no bucket


def test_buckets_are_the_frequent_lengths():
    batches = rnn.BucketSentenceIter([[1, 2], [3, 4], [5]], batch_size=2)
    assert batches.buckets == [2]
    with pytest.raises(mx.MXNetError, match="buckets"):
        rnn.BucketSentenceIter([[1, 2], [5]], batch_size=2)


def test_checkpoints_hold_weights_by_gate(tmp_path):
    cell = rnn.LSTMCell(2, prefix="l_")
    outputs, _ = cell.unroll(1, mx.sym.Variable("x"), merge_outputs=True)
    shapes, _, _ = outputs.infer_shape(x=(1, 1, 3))
    args = {n: mx.nd.random.uniform(shape=s) for n, s in zip(outputs.list_arguments(), shapes, strict=True)}
    del args["x"]
    prefix = str(tmp_path / "model")
    save = rnn.do_rnn_checkpoint(cell, prefix, period=2)
    save(0, outputs, args, {})
    assert not list(tmp_path.iterdir())
    save(1, outputs, args, {})
    assert "arg:l_i2h_f_weight" in mx.nd.load(f"{prefix}-0002.params")
    symbol, found, _ = rnn.load_rnn_checkpoint(cell, prefix, 2)
    assert symbol.list_arguments() == outputs.list_arguments()
    assert sorted(found) == sorted(args)
    for name, array in args.items():
        np.testing.assert_array_equal(found[name].asnumpy(), array.asnumpy())


def test_unrolling_over_variables():
    outputs, _ = rnn.rnn_unroll(rnn.RNNCell(2), 2, input_prefix="in_")
    assert {"in_t0_data", "in_t1_data"} <= set(mx.sym.Group(outputs).list_arguments())
