"""Under which names a monitor sees the inputs of operators."""

from mxtrain.symbol.graph import Node

# Operators of one input that MXNet 1.9.1 shows by its name; the only input of any other is shown as "input0"
NAMED = frozenset(
    (
        *("Crop", "Dropout", "GridGenerator", "L2Normalization", "LRN", "LeakyReLU", "MakeLoss", "Pad", "Pooling"),
        *("SliceChannel", "SwapAxis", "UpSampling", "_contrib_BilinearResize2D", "_contrib_MultiBoxPrior"),
        *("_contrib_index_array", "_contrib_interleaved_matmul_selfatt_qk", "_contrib_quadratic", "_histogram"),
        *("_image_normalize", "_image_to_tensor", "_linalg_det", "_linalg_extractdiag", "_linalg_extracttrian"),
        *("_linalg_gelqf", "_linalg_makediag", "_linalg_maketrian", "_linalg_potrf", "_linalg_potri"),
        *("_linalg_slogdet", "_linalg_sumlogdiag", "_linalg_syevd", "_linalg_syrk", "_ravel_multi_index"),
        *("_sample_exponential", "_sample_poisson", "_split_v2", "_unravel_index", "all_finite", "cumsum"),
        *("depth_to_space", "diag", "log_softmax", "moments", "one_hot", "repeat", "reverse", "softmax"),
        *("space_to_depth", "squeeze", "tile"),
    )
)


def shown_input_names(node: Node) -> list[str]:
    """The names of a node's inputs, auxiliary states last, as MXNet 1.9.1 shows them to monitors."""
    names = node.input_names
    if node.op is None or node.op.variadic or len(names) != 1 or node.op.name in NAMED:
        return names
    return ["input0"]
