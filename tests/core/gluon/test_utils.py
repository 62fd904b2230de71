"""`mx.gluon.utils`: batches over devices, clipping by norm, downloads."""

import builtins
import hashlib

import numpy as np
import pytest
from file_server import serve

import mxtrain as mx
from mxtrain import nd
from mxtrain.gluon import utils


class TestSplit:
    @pytest.mark.parametrize(
        ("shape", "pieces", "axis", "even"),
        [
            ((8, 2), 4, 0, True),
            ((7, 2), 3, 0, False),
            ((2, 7, 3), 3, 1, False),
            ((1, 2), 2, 0, False),
            ((6,), 6, 0, True),
        ],
    )
    def test_as_numpy_splits(self, shape, pieces, axis, even):
        data = np.arange(np.prod(shape)).reshape(shape)
        found = utils.split_data(nd.array(data), pieces, axis, even)
        for part, expected in zip(found, np.array_split(data, pieces, axis), strict=True):
            assert part.shape == expected.shape
            assert (part.asnumpy() == expected).all()

    def test_uneven(self):
        with pytest.raises(ValueError, match=r"shape \(7, 2\) cannot be evenly split into 3 slices along axis 0"):
            utils.split_data(nd.ones((7, 2)), 3)

    def test_load(self):
        contexts = [mx.cpu(0), mx.cpu(1)]
        parts = utils.split_and_load(np.arange(4), contexts)
        assert [part.context for part in parts] == contexts
        assert [part.asnumpy().tolist() for part in parts] == [[0, 1], [2, 3]]
        (whole,) = utils.split_and_load([1, 2, 3], [mx.cpu(1)])
        assert whole.context is mx.cpu(1)


class TestClip:
    def test_as_in_mxnet(self):
        arrays = [nd.array([3.0, 0.0]), nd.array([[0.0, 4.0]], ctx=mx.cpu(1))]
        assert utils.clip_global_norm(arrays, 1.0) == 5.0
        np.testing.assert_allclose(arrays[0].asnumpy(), [0.6, 0], rtol=1e-6)
        np.testing.assert_allclose(arrays[1].asnumpy(), [[0, 0.8]], rtol=1e-6)
        norm = utils.clip_global_norm(arrays, 1.0, check_isfinite=False)
        assert isinstance(norm, nd.NDArray)
        np.testing.assert_allclose(norm.asnumpy(), [1.0], rtol=1e-6)

    def test_small_ones_stay(self):
        arrays = [nd.array([0.5], dtype="float16")]
        assert utils.clip_global_norm(arrays, 1.0) == 0.5
        assert arrays[0].asnumpy()[0] == 0.5
        assert arrays[0].dtype == np.float16

    def test_what_is_not_finite(self):
        with pytest.warns(UserWarning, match="nan or inf is detected"):
            utils.clip_global_norm([nd.array([np.inf])], 1.0)
        with pytest.raises(AssertionError):
            utils.clip_global_norm([], 1.0)


CONTENT = b"content" * 100
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture(params=["requests", "urllib"])
def client(request, monkeypatch):
    """With `requests`, where it is installed, and without."""
    if request.param == "requests":
        pytest.importorskip("requests")
        return
    real = builtins.__import__

    def without_requests(name, *args, **kwargs):
        if name == "requests":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_requests)


@pytest.mark.usefixtures("client")
class TestDownload:
    def test_to_a_file_and_to_a_folder(self, tmp_path):
        with serve({"/a/b.bin": CONTENT}) as (address, _):
            assert utils.download(f"{address}/a/b.bin", path=str(tmp_path)) == str(tmp_path / "b.bin")
            assert utils.download(f"{address}/a/b.bin", path=str(tmp_path / "new" / "c")) == str(tmp_path / "new" / "c")
        assert (tmp_path / "b.bin").read_bytes() == (tmp_path / "new" / "c").read_bytes() == CONTENT
        assert sorted(p.name for p in tmp_path.iterdir()) == ["b.bin", "new"]

    def test_what_is_there_is_not_fetched_again(self, tmp_path):
        target = tmp_path / "b.bin"
        target.write_bytes(b"old")
        with serve({"/b.bin": CONTENT}) as (address, asked):
            utils.download(f"{address}/b.bin", path=str(target))
            assert asked == []
            utils.download(f"{address}/b.bin", path=str(target), sha1_hash=SHA1)
            utils.download(f"{address}/b.bin", path=str(target), sha1_hash=SHA1)
            assert asked == ["/b.bin"]
            utils.download(f"{address}/b.bin", path=str(target), overwrite=True)
            assert len(asked) == 2
        assert target.read_bytes() == CONTENT

    def test_failures_are_retried_and_then_reported(self, tmp_path):
        with serve({"/b.bin": CONTENT}) as (address, asked):
            with pytest.raises(mx.MXNetError, match=r"missing: expected a file. Received: .*404"):
                utils.download(f"{address}/missing", path=str(tmp_path), retries=2)
            assert len(asked) == 3
            with pytest.raises(mx.MXNetError, match="SHA-1"):
                utils.download(f"{address}/b.bin", path=str(tmp_path), sha1_hash="0" * 40, retries=0)
        assert list(tmp_path.iterdir()) == []

    def test_the_environment_names_the_proxy(self, tmp_path, monkeypatch):
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with serve({"/b.bin": CONTENT}, as_proxy=True) as (address, asked):
            monkeypatch.setenv("http_proxy", address)
            utils.download("http://somewhere.invalid/b.bin", path=str(tmp_path), retries=0)
            assert asked == ["http://somewhere.invalid/b.bin"]
        assert (tmp_path / "b.bin").read_bytes() == CONTENT


def test_other_arguments(tmp_path):
    with pytest.raises(AssertionError, match="Can't construct file-name"):
        utils.download("http://127.0.0.1/")
    with pytest.raises(AssertionError, match="at least 0"):
        utils.download("http://127.0.0.1/x", path=str(tmp_path), retries=-1)
    with pytest.raises(mx.MXNetError), pytest.warns(UserWarning, match="Unverified HTTPS request"):
        utils.download("https://127.0.0.1:1/x", path=str(tmp_path), retries=0, verify_ssl=False)


def test_sha1(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert utils.check_sha1(str(path), SHA1)
    assert not utils.check_sha1(str(path), "1" * 40)
    utils.replace_file(str(path), str(tmp_path / "other"))
    assert not path.exists()
