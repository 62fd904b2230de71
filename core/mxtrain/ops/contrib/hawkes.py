"""`_contrib_hawkesll`: the log-likelihood of marked self-exciting point processes."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

_FLOATING = (0, 1, 2, 3, 4, 6, 7)  # the inputs of one dtype: all but the marks


def _infer_type(ins, outs, p):
    dtype = types.unify_all([*(ins[i] for i in _FLOATING), *outs])
    found = [dtype] * 8
    found[5] = ins[5]
    return found, [dtype, dtype]


def _infer_shape(ins, outs, p):
    processes = shapes.unify_all([ins[0], ins[3], outs[1]])
    batch, kinds = (None, None) if processes is None else (processes[:1], processes[1:])
    kinds = shapes.unify_all([kinds, ins[1], ins[2]])
    events = shapes.unify(ins[4], ins[5])
    batch = shapes.unify_all([batch, None if events is None else events[:1], ins[6], ins[7], outs[0]])
    if batch is not None and kinds is not None:
        processes = shapes.unify(processes, (*batch, *kinds))
    if batch is not None and events is not None:
        events = shapes.unify(events, (*batch, -1))
    return [processes, kinds, kinds, processes, events, events, batch, batch], [batch, processes]


def _check(xp, lda, alpha, beta, state, lags, marks, valid_length, max_time):
    types.require_floating(lda.dtype)
    require_one_dtype(lda, alpha, beta, state, lags, valid_length, max_time)
    if lda.ndim != 2 or lags.ndim != 2 or lags.shape[0] != lda.shape[0]:
        raise ArgumentError(f"Expected: lda of (N, K), lags of (N, T). Received: {lda.shape} and {lags.shape}.")
    batch, kinds = lda.shape
    expected = {"alpha": (kinds,), "beta": (kinds,), "state": lda.shape, "marks": lags.shape}
    expected.update(valid_length=(batch,), max_time=(batch,))
    arrays = {"alpha": alpha, "beta": beta, "state": state, "marks": marks}
    arrays.update(valid_length=valid_length, max_time=max_time)
    for name, array in arrays.items():
        require_shape(name, array, expected[name])
    used = xp.arange(lags.shape[1]) < valid_length[:, None]
    if xp is np and used.any() and not 0 <= marks[used].min() <= marks[used].max() < kinds:
        raise ArgumentError(f"Expected: marks in [0, {kinds}). Received: {marks[used].min()}..{marks[used].max()}.")
    return used


class _Run:
    """One pass over the events of all samples at once, with what the gradient needs of it."""

    def __init__(self, xp, lda, alpha, beta, state, lags, marks, valid_length, max_time):
        used = _check(xp, lda, alpha, beta, state, lags, marks, valid_length, max_time)
        self.steps, samples = [], xp.arange(len(lda))
        self.state, last, time = state.copy(), xp.zeros_like(lda), xp.zeros_like(max_time)
        self.likelihood = xp.zeros_like(max_time)
        for event in range(lags.shape[1]):
            live = xp.nonzero(used[:, event])[0]
            sample, kind = samples[live], marks[live, event].astype(np.int64)
            time[live] += lags[live, event]
            waited = time[live] - last[sample, kind]
            kept = self.state[sample, kind]
            decay = xp.exp(-beta[kind] * waited)
            intensity = lda[sample, kind] + alpha[kind] * beta[kind] * kept * decay
            expected = lda[sample, kind] * waited + alpha[kind] * kept * (1 - decay)
            self.likelihood[live] += xp.log(intensity) - expected
            self.state[sample, kind] = 1 + kept * decay
            last[sample, kind] = time[live]
            self.steps.append((event, sample, kind, waited, kept, decay, intensity))
        self.rest = max_time[:, None] - last
        self.decay = xp.exp(-beta * self.rest)
        self.likelihood -= (lda * self.rest + alpha * self.state * (1 - self.decay)).sum(axis=1)


_EXAMPLE = {
    "lda": (2, 3),
    "alpha": (3,),
    "beta": (3,),
    "state": (2, 3),
    "lags": (2, 4),
    "marks": np.array([[0, 1, 0, 2], [1, 1, 1, 0]]),
    "valid_length": np.array([4.0, 3.0]),
    "max_time": np.array([5.0, 6.0]),
}


@operator("_contrib_hawkesll", cases=[Case(**_EXAMPLE, low=0.2, high=0.9)])
class HawkesLL:
    """The log-likelihood of K self-exciting processes with exponential decay, in N samples of up to T events.

    lda: (N, K), background intensities. alpha, beta: (K,), branching ratios and decays. state: (N, K), the memory at
    the start. lags, marks: (N, T), time since the last event and its process. valid_length: (N,), how many events
    count. max_time: (N,), the end of the observation. Outputs: (N,), log-likelihoods, and (N, K), the memory at the
    end. All of one floating dtype but the marks. Source: Bacry et al., arXiv:1502.04592; MXNet 1.9.1.
    """

    outputs = ("output", "out_state")
    infer_type = _infer_type
    infer_shape = _infer_shape

    def forward(xp, lda, alpha, beta, state, lags, marks, valid_length, max_time):
        run = _Run(xp, lda, alpha, beta, state, lags, marks, valid_length, max_time)
        return run.likelihood, run.state * run.decay

    differentiable_once = "the walk over events has no other form here, and MXNet has no second derivative of it"

    def gradient(F, gy, y, *inputs):
        by_lda, by_alpha, by_beta, by_state, by_lags, by_time = F._contrib_backward_hawkesll(*gy, *inputs)
        return by_lda, by_alpha, by_beta, by_state, by_lags, None, None, by_time


@operator("_contrib_backward_hawkesll", cases=[Case(gy=(2,), gy_state=(2, 3), **_EXAMPLE, low=0.2, high=0.9)])
class HawkesLLBackward:
    """The gradients of `_contrib_hawkesll` by lda, alpha, beta, state, lags and max_time, in their shapes."""

    outputs = ("lda", "alpha", "beta", "state", "lags", "max_time")
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        found, (dtype, _) = _infer_type(ins[2:], [ins[0], ins[1]], p)
        return [dtype, dtype, *found], [dtype] * 6

    def infer_shape(ins, outs, p):
        given = list(ins[2:])
        for place, out in zip((0, 1, 2, 3, 4, 7), outs, strict=True):
            given[place] = shapes.unify(given[place], out)
        found, heads = _infer_shape(given, ins[:2], p)
        return [*heads, *found], [found[i] for i in (0, 1, 2, 3, 4, 7)]

    def forward(xp, gy, gy_state, lda, alpha, beta, state, lags, marks, valid_length, max_time):
        run = _Run(xp, lda, alpha, beta, state, lags, marks, valid_length, max_time)
        head = gy[:, None]
        # the time after the last event
        by_decay = (head * alpha + gy_state) * run.state
        by_rest = -head * lda - beta * run.decay * by_decay
        by_state = gy_state * run.decay - head * alpha * (1 - run.decay)
        by_lda, by_last = -head * run.rest, -by_rest
        by_alpha = -(head * run.state * (1 - run.decay)).sum(axis=0)
        by_beta = -(run.rest * run.decay * by_decay).sum(axis=0)
        by_lags, by_now = xp.zeros_like(lags), xp.zeros_like(max_time)
        for event, sample, kind, waited, kept, decay, intensity in reversed(run.steps):
            g, place = gy[sample], (sample, kind)
            by_new, by_rate = by_state[place], g / intensity
            rate = alpha[kind] * beta[kind]
            by_decay = by_new * kept + (by_rate * rate + g * alpha[kind]) * kept
            by_wait = -g * lda[place] - beta[kind] * decay * by_decay
            by_state[place] = by_new * decay + by_rate * rate * decay - g * alpha[kind] * (1 - decay)
            by_lda[place] += by_rate - g * waited
            xp.add.at(by_alpha, kind, by_rate * beta[kind] * kept * decay - g * kept * (1 - decay))
            xp.add.at(by_beta, kind, by_rate * alpha[kind] * kept * decay - waited * decay * by_decay)
            by_now[sample] += by_last[place] + by_wait
            by_last[place] = -by_wait
            by_lags[sample, event] = by_now[sample]
        return by_lda, by_alpha, by_beta, by_state, by_lags, by_rest.sum(axis=1)
