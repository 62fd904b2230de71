"""NumPy's floating-point warnings: off inside, as they were outside."""

import threading

import numpy as np

import mxtrain as mx
from mxtrain import nd


class Divided(mx.operator.CustomOp):
    """1 / data, by an operator that is called inside another one."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], 1 / in_data[0])


@mx.operator.register("float_errors_divided")
class DividedProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Divided()


def test_results_without_warnings_and_settings_as_before():
    before = np.geterr()
    assert (1 / nd.zeros(2)).asnumpy().tolist() == [np.inf] * 2
    assert nd.Custom(nd.zeros(2), op_type="float_errors_divided").asnumpy().tolist() == [np.inf] * 2
    executor = mx.sym.Custom(mx.sym.var("x"), op_type="float_errors_divided").simple_bind(mx.cpu(), x=(2,))
    assert executor.forward()[0].asnumpy().tolist() == [np.inf] * 2
    array = nd.zeros(1, dtype="int32")
    array[:] = np.array([1e30])
    assert np.geterr() == before


def test_threads_do_not_disturb_each_other():
    settings = []

    def work():
        with np.errstate(divide="raise"):
            for _ in range(200):
                1 / nd.zeros(2)
            settings.append(np.geterr()["divide"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert settings == ["raise"] * 4
