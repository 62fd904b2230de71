"""(a + b) * c: computed at once with NDArrays, then described as a Symbol, bound, run and differentiated.

Run it by: python arithmetic.py
"""

import mxtrain as mx


def imperative() -> mx.nd.NDArray:
    """With NDArrays every operation is computed when it is written."""
    a = mx.nd.ones((2, 3))
    b = mx.nd.full((2, 3), 2.0)
    c = mx.nd.full((2, 3), 3.0)
    return (a + b) * c


def symbolic() -> tuple[mx.nd.NDArray, dict[str, mx.nd.NDArray]]:
    """With Symbols the computation is described first; an executor then runs it, forward and backward."""
    a, b, c = (mx.sym.Variable(name) for name in "abc")
    result = (a + b) * c

    shape = (2, 3)
    arguments = {"a": mx.nd.ones(shape), "b": mx.nd.full(shape, 2.0), "c": mx.nd.full(shape, 3.0)}
    gradients = {name: mx.nd.zeros(shape) for name in arguments}
    executor = result.bind(mx.cpu(), arguments, args_grad=gradients)

    (output,) = executor.forward(is_train=True)
    # The result is no loss, so the gradient that comes in from behind it must be given.
    executor.backward(out_grads=mx.nd.ones(shape))
    return output, gradients


def main() -> None:
    print("imperative (a + b) * c:", imperative().asnumpy().tolist())
    output, gradients = symbolic()
    print("symbolic   (a + b) * c:", output.asnumpy().tolist())
    for name, gradient in gradients.items():
        print(f"gradient by {name}: {gradient.asnumpy().tolist()}")


if __name__ == "__main__":
    main()
