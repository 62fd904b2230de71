"""The functions `mx.nd.random.*` and `mx.sym.random.*`: one name for numbers and for arrays of parameters."""

from typing import Any

from mxtrain.base import ArgumentTypeError


class RandomFunctions:
    """MXNet's sampling functions, for one kind of array.

    functions: the operators by name (an OperatorNamespace). array_type: NDArray or Symbol.
    """

    def __init__(self, functions: Any, array_type: type) -> None:
        self._functions = functions
        self._array_type = array_type

    def _draw(self, name: str, parameters: dict[str, Any], tensor_names: tuple[str, ...], options: Any) -> Any:
        given = {key: value for key, value in options.items() if value is not None}
        are_arrays = {isinstance(value, self._array_type) for value in parameters.values()}
        if len(are_arrays) > 1:
            kinds = {key: type(value).__name__ for key, value in parameters.items()}
            raise ArgumentTypeError(f"Function random.{name}: expected numbers, or arrays for all. Received: {kinds}.")
        if are_arrays == {True}:
            given.pop("ctx", None)
            inputs = dict(zip(tensor_names, parameters.values(), strict=True))
            return getattr(self._functions, f"_sample_{name}")(**inputs, **given)
        return getattr(self._functions, f"_random_{name}")(**parameters, **given)

    def uniform(
        self,
        low: Any = 0,
        high: Any = 1,
        shape: Any = None,
        dtype: Any = None,
        ctx: Any = None,
        out: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Numbers from the uniform distribution on [low, high).

        low, high: numbers, or arrays of one shape (many distributions at once). shape: of the draw from each, (1,) by
        default. dtype: float32 by default. ctx: the device. out: an array to fill.
        """
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("uniform", {"low": low, "high": high}, ("low", "high"), options)

    def normal(
        self,
        loc: Any = 0,
        scale: Any = 1,
        shape: Any = None,
        dtype: Any = None,
        ctx: Any = None,
        out: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Numbers from the normal distribution of mean `loc` and standard deviation `scale`; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("normal", {"loc": loc, "scale": scale}, ("mu", "sigma"), options)

    def randn(self, *shape: int, **kwargs: Any) -> Any:
        """Numbers from the normal distribution (loc=0, scale=1), the shape as separate arguments.

        An array given as `data` does not matter, as in MXNet.
        """
        if isinstance(kwargs.get("data"), self._array_type):
            del kwargs["data"]
        return self.normal(kwargs.pop("loc", 0), kwargs.pop("scale", 1), shape, **kwargs)

    def poisson(
        self, lam: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
    ) -> Any:
        """Numbers from the Poisson distribution of rate `lam`; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("poisson", {"lam": lam}, ("lam",), options)

    def exponential(
        self, scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
    ) -> Any:
        """Numbers from the exponential distribution of mean `scale`; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("exponential", {"lam": 1.0 / scale}, ("lam",), options)

    def gamma(
        self,
        alpha: Any = 1,
        beta: Any = 1,
        shape: Any = None,
        dtype: Any = None,
        ctx: Any = None,
        out: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Numbers from the gamma distribution of shape `alpha` and scale `beta`; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("gamma", {"alpha": alpha, "beta": beta}, ("alpha", "beta"), options)

    def negative_binomial(
        self,
        k: Any = 1,
        p: Any = 1,
        shape: Any = None,
        dtype: Any = None,
        ctx: Any = None,
        out: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Successes before `k` failures, where `p` is the probability of a failure; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("negative_binomial", {"k": k, "p": p}, ("k", "p"), options)

    def generalized_negative_binomial(
        self,
        mu: Any = 1,
        alpha: Any = 1,
        shape: Any = None,
        dtype: Any = None,
        ctx: Any = None,
        out: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Numbers from the negative binomial distribution of mean `mu` and dispersion `alpha`; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, ("mu", "alpha"), options)

    def randint(
        self, low: int, high: int, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **kwargs: Any
    ) -> Any:
        """Integers in [low, high). dtype: int32 by default, or int64; else as `uniform`."""
        options = {"shape": shape, "dtype": dtype, "ctx": ctx, "out": out, **kwargs}
        return self._draw("randint", {"low": low, "high": high}, (), options)

    def multinomial(
        self, data: Any, shape: Any = None, get_prob: bool = False, out: Any = None, dtype: Any = "int32", **kwargs: Any
    ) -> Any:
        """Indices drawn with the probabilities on the last axis of data, (..., K).

        shape: of the draw from each row; one by default. get_prob: give the logarithms of the drawn probabilities too.
        """
        options = {"out": out, **kwargs} if out is not None else kwargs
        if shape is not None:
            options = {"shape": shape, **options}
        return self._functions._sample_multinomial(data, get_prob=get_prob, dtype=dtype, **options)

    def shuffle(self, data: Any, **kwargs: Any) -> Any:
        """The parts of data along its first axis in random order."""
        return self._functions._shuffle(data, **kwargs)
