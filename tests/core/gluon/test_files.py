"""Parameters and networks in files; those that MXNet 1.9.1 wrote are in data/."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import gluon, nd
from mxtrain.gluon import nn

DATA = Path(__file__).parent / "data"
SAVED = np.load(DATA / "saved.npz")


def network(prefix="saved_"):
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        net.add(nn.Conv2D(2, 3, activation="relu"), nn.BatchNorm(), nn.Dense(3))
    return net


def computes_the_same(net):
    np.testing.assert_allclose(net(nd.array(SAVED["x"])).asnumpy(), SAVED["y"], rtol=1e-4, atol=1e-5)


class TestOfMXNet:
    """What MXNet 1.9.1 wrote computes the same here."""

    def test_load_parameters(self):
        net = network("another_")
        net.load_parameters(str(DATA / "places.params"))
        computes_the_same(net)
        assert (net[1].running_var.data().asnumpy() == SAVED["saved_batchnorm0_running_var"]).all()

    def test_full_names(self):
        for net in (network(), network("another_")):
            net.load_parameters(str(DATA / "names.params"))
            computes_the_same(net)
        net = network("third_")
        net.collect_params().load(str(DATA / "names.params"), restore_prefix="third_")
        computes_the_same(net)

    def test_exported(self):
        files = [str(DATA / name) for name in ("exported-symbol.json", "exported-0003.params")]
        block = gluon.SymbolBlock.imports(files[0], "data", files[1])
        computes_the_same(block)
        block = gluon.SymbolBlock.imports(files[0], ["data"], files[1], ctx=[mx.cpu(1)])
        assert block.collect_params().list_ctx() == [mx.cpu(1)]

    def test_parameters_of_an_exported_network(self):
        net = network()
        net.collect_params().load(str(DATA / "exported-0003.params"))
        computes_the_same(net)

    def test_whole(self):
        net = network("loaded_")
        net.load(str(DATA / "whole"))
        assert net._active
        computes_the_same(net)


class TestRoundTrip:
    def made(self, prefix="saved_"):
        net = network(prefix)
        net.load_parameters(str(DATA / "places.params"))
        return net

    def test_the_same_bytes_as_mxnet(self, tmp_path):
        net = network()
        net.initialize()
        net.hybridize()
        net(nd.array(SAVED["x"]))  # variables are declared with what is known before
        net.load_parameters(str(DATA / "places.params"))
        net.save_parameters(str(tmp_path / "places.params"))
        net.collect_params().save(str(tmp_path / "names.params"), strip_prefix="saved_")
        computes_the_same(net)
        assert net.export(str(tmp_path / "exported"), 3) is None
        for name in ("places.params", "names.params", "exported-0003.params"):
            assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
        symbols = [mx.sym.load(str(folder / "exported-symbol.json")) for folder in (tmp_path, DATA)]
        assert symbols[0].tojson() == symbols[1].tojson()

    def test_whole(self, tmp_path):
        net = self.made()
        net.hybridize()
        computes_the_same(net)
        net.save(str(tmp_path / "net"))
        other = network("other_")
        other.load(str(tmp_path / "net"))
        computes_the_same(other)

    def test_export_without_a_path(self):
        net = self.made()
        with pytest.raises(RuntimeError, match=r"Please first call block\.hybridize"):
            net.export("anywhere")
        net.hybridize()
        computes_the_same(net)
        graph, values = net.export(None)
        assert graph.list_auxiliary_states() == ["saved_batchnorm0_running_mean", "saved_batchnorm0_running_var"]
        assert "aux:saved_batchnorm0_running_var" in values
        assert "arg:saved_dense0_bias" in values

    def test_shared_parameters_once(self, tmp_path):
        first = nn.Dense(2, in_units=2)
        net = nn.Sequential()
        net.add(first, nn.Dense(2, in_units=2, params=first.params))
        net.initialize()
        path = str(tmp_path / "shared.params")
        for deduplicate, count in ((True, 2), (False, 4)):
            net.save_parameters(path, deduplicate=deduplicate)
            assert len(nd.load(path)) == count
            net.load_parameters(path)

    def test_old_names(self, tmp_path):
        net = self.made()
        path = str(tmp_path / "old.params")
        with pytest.warns(DeprecationWarning, match="save_params is deprecated"):
            net.save_params(path)
        other = network("other_")
        with pytest.warns(DeprecationWarning, match="load_params is deprecated"):
            other.load_params(path)
        computes_the_same(other)

    def test_values_go_to_the_contexts_of_the_parameters(self):
        net = network()
        net.initialize(ctx=[mx.cpu(1), mx.cpu(2)])
        net.load_parameters(str(DATA / "places.params"), ctx=[mx.cpu(2), mx.cpu(1)])
        assert net.collect_params().list_ctx() == [mx.cpu(1), mx.cpu(2)]
        with pytest.raises(AssertionError, match="previously initialized on"):
            net.load_parameters(str(DATA / "places.params"), ctx=mx.cpu(0))

    @pytest.mark.parametrize(("source", "dtype"), [("current", np.float64), ("saved", np.float32)])
    def test_casting(self, source, dtype):
        net = nn.Dense(3, in_units=18)
        net.cast("float64")
        values = {"weight": SAVED["saved_dense0_weight"], "bias": SAVED["saved_dense0_bias"]}
        params = {name: nd.array(value) for name, value in values.items()}
        with pytest.raises(AssertionError, match="Set cast_dtype=True"):
            net.collect_params().load_dict({net.prefix + k: v for k, v in params.items()})
        net.collect_params().load_dict(params, restore_prefix=net.prefix, cast_dtype=True, dtype_source=source)
        assert net.weight.data().dtype == dtype


class TestWhatDoesNotFit:
    @pytest.fixture
    def saved(self, tmp_path):
        path = tmp_path / "net.params"
        shutil.copy(DATA / "places.params", path)
        return str(path)

    def test_missing(self, saved):
        net = nn.HybridSequential()
        net.add(nn.Conv2D(2, 3), nn.BatchNorm(), nn.Dense(3), nn.Dense(4, in_units=3))
        with pytest.raises(AssertionError, match=r"Parameter '3.weight' is missing in file .*'0.weight'"):
            net.load_parameters(saved)
        net.load_parameters(saved, allow_missing=True)

    def test_extra(self, saved):
        net = nn.HybridSequential()
        net.add(nn.Conv2D(2, 3), nn.BatchNorm())
        with pytest.raises(ValueError, match=r"'2.weight' loaded from file .* is not present"):
            net.load_parameters(saved)
        net.load_parameters(saved, ignore_extra=True)

    def test_another_shape(self, saved):
        net = nn.HybridSequential()
        net.add(nn.Conv2D(2, 5), nn.BatchNorm(), nn.Dense(3))
        with pytest.raises(AssertionError, match=r"shape incompatible expected \(2, 0, 5, 5\) vs saved \(2, 1, 3, 3\)"):
            net.load_parameters(saved)

    def test_names_of_another_network(self, saved):
        params = network().collect_params()
        with pytest.raises(AssertionError, match="is missing in file"):
            params.load(saved)
        with pytest.raises(AssertionError, match="does not start with 'other_'"):
            params.load(saved, restore_prefix="other_")
        params.initialize()
        with pytest.raises(AssertionError, match="does not start with 'other_'"):
            params.save(saved, strip_prefix="other_")

    def test_no_file(self):
        with pytest.raises(mx.MXNetError, match="nowhere"):
            network().load_parameters("/nowhere.params")

    def test_arrays_without_names(self, tmp_path):
        path = str(tmp_path / "list.params")
        nd.save(path, [nd.ones(1)])
        with pytest.raises(mx.MXNetError, match="expected arrays with names"):
            network().load_parameters(path)

    @pytest.mark.parametrize("text", ["", "[", "{}", '{"hybridsequential0": 3}'])
    def test_a_description_of_something_else(self, tmp_path, text):
        (tmp_path / "net-model.json").write_text(text)
        with pytest.raises(ValueError, match=r"net-model\.json: expected"):
            network().load(str(tmp_path / "net"))

    def test_a_description_of_another_network(self, tmp_path):
        net = network()
        net.initialize()
        net(nd.array(SAVED["x"]))
        net.save(str(tmp_path / "net"))
        other = nn.HybridSequential()
        other.add(nn.Dense(1))
        with pytest.raises(ValueError, match="expected a description of 'dense1'"):
            other.load(str(tmp_path / "net"))
