"""Cases of the remaining contrib operators: operator, inputs (shapes to be filled, or values), parameters."""

INDEX = {"fixed": ("index", "index_vector")}

CASES = [
    ("contrib.quadratic", {"data": (2, 3)}, {"a": 2, "b": -1, "c": 0.5}),
    ("contrib.quadratic", {"data": ([1, 2, 3], "int32")}, {"a": 1, "b": 2, "c": 1.5}),
    ("contrib.gradientmultiplier", {"data": (2, 3)}, {"scalar": -0.5}),
    ("contrib.backward_gradientmultiplier", {"data": (2, 3)}, {"scalar": 2, "fixed": ("data",)}),
    ("contrib.round_ste", {"data": [-2.5, -1.5, -0.5, 0.4, 0.5, 1.5, 2.6]}, {}),
    ("contrib.sign_ste", {"data": [-2.5, 0, 0.5]}, {}),
    (
        "contrib.index_copy",
        {"old_tensor": (4, 3), "index_vector": ([3, 0], "int64"), "new_tensor": (2, 3)},
        INDEX,
    ),
    ("contrib.index_array", {"data": (2, 3)}, {"fixed": ("data",)}),
    ("contrib.index_array", {"data": (2, 3, 2)}, {"axes": (-1, 0), "fixed": ("data",)}),
    *(
        ("contrib.arange_like", {"data": (2, 3)}, {**options, "fixed": ("data",)})
        for options in ({}, {"start": 1, "step": 2, "repeat": 2}, {"axis": -1, "start": 0.5}, {"axis": 1, "repeat": 3})
    ),
    ("contrib.allclose", {"a": [1e10, 1e-8], "b": [1.00001e10, 1e-9]}, {"fixed": ("a", "b")}),
    ("contrib.allclose", {"a": [1e10, 1e-7], "b": [1.00001e10, 1e-8]}, {"fixed": ("a", "b")}),
    ("khatri_rao", {"arg0": (2, 3), "arg1": (3, 3), "arg2": (2, 3)}, {"fixed": ("arg0", "arg1", "arg2")}),
    ("khatri_rao", {"arg0": (2, 3)}, {"fixed": ("arg0",)}),
    (
        "contrib.hawkesll",
        {
            "lda": (2, 3),
            "alpha": (3,),
            "beta": (3,),
            "state": (2, 3),
            "lags": (2, 4),
            "marks": ([[0, 1, 0, 2], [1, 1, 1, 0]], "int32"),
            "valid_length": [4, 3],
            "max_time": [5, 6],
        },
        {"low": 0.2, "one_head": True, "fixed": ("state", "lags", "valid_length", "max_time")},
    ),
]
