"""Outputs of control flow operators."""


def loop_outputs(num_outputs):
    """Names of outputs: numbered where there are several."""
    return ["output"] if num_outputs == 1 else [f"output{i}" for i in range(num_outputs)]


def allocate(xp, step_outputs, num_out_data, length):
    """Arrays for the outputs of a loop, from those of one step."""
    stacked = [xp.empty((length, *array.shape), array.dtype) for array in step_outputs[:num_out_data]]
    return (*stacked, *(xp.empty_like(array) for array in step_outputs[num_out_data:]))
