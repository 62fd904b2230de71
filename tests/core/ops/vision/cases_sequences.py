"""Cases of attention and of CTC: operator, inputs (shapes to be filled, or values), parameters."""

LABELS = [[1, 2, 2, 0], [3, 0, 0, 0], [1, 1, 1, 1], [4, 3, 2, 1]]
LAST = [[1, 2, 2, -1], [3, -1, -1, -1], [1, 1, 1, 1], [0, 3, 2, 1]]
FIXED = {"fixed": ("label", "data_lengths", "label_lengths")}

CASES = [
    *(
        ("contrib.interleaved_matmul_selfatt_qk", {"queries_keys_values": (4, 2, 18)}, {"heads": heads})
        for heads in (1, 3)
    ),
    (
        "contrib.interleaved_matmul_selfatt_valatt",
        {"queries_keys_values": (4, 2, 18), "attention": (6, 4, 4)},
        {"heads": 3},
    ),
    ("contrib.interleaved_matmul_encdec_qk", {"queries": (4, 2, 6), "keys_values": (3, 2, 12)}, {"heads": 3}),
    (
        "contrib.interleaved_matmul_encdec_valatt",
        {"keys_values": (3, 2, 12), "attention": (6, 4, 3)},
        {"heads": 3},
    ),
    ("contrib.div_sqrt_dim", {"data": (2, 3, 5)}, {}),
    ("CTCLoss", {"data": (8, 4, 5), "label": LABELS}, {"low": -3, "high": 3, **FIXED}),
    ("CTCLoss", {"data": (4, 4, 5), "label": LABELS}, {"low": -3, "high": 3, **FIXED}),
    ("ctc_loss", {"data": (8, 4, 5), "label": LAST}, {"blank_label": "last", **FIXED}),
    (
        "contrib.ctc_loss",
        {"data": (8, 4, 5), "label": LAST, "data_lengths": [8, 5, 7, 6], "label_lengths": [2, 1, 3, 4]},
        {"blank_label": "last", "use_data_lengths": True, "use_label_lengths": True, **FIXED},
    ),
    (
        "contrib.CTCLoss",
        {"data": (8, 4, 5), "label": LABELS, "label_lengths": [2, 1, 3, 4]},
        {"use_label_lengths": True, **FIXED},
    ),
]
