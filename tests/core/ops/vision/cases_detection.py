"""Cases of the operators on boxes: operator, inputs (shapes to be filled, or values), parameters.

`low` and `high` bound the random numbers; `fixed` names the inputs whose gradient is not asked for.
"""

BOXES = [
    [0, 0.5, 0.1, 0.1, 0.2, 0.2],
    [1, 0.4, 0.1, 0.1, 0.2, 0.2],
    [0, 0.3, 0.1, 0.1, 0.14, 0.14],
    [2, 0.6, 0.5, 0.5, 0.7, 0.8],
    [2, 0.6, 0.5, 0.5, 0.7, 0.7],
    [-1, 0.9, 0.5, 0.5, 0.7, 0.7],
]
CENTERS = [[c, s, (x + z) / 2, (y + w) / 2, z - x, w - y] for c, s, x, y, z, w in BOXES]
NONE_VALID = [[0, -0.5, 0.1, 0.1, 0.2, 0.2], [1, -0.4, 0.1, 0.1, 0.2, 0.2]]
ANCHORS = [[[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.1, 0.1, 0.4, 0.6], [0.2, 0.2, 0.5, 0.55], [0, 0, 0.1, 0.1]]]
LABELS = [
    [[1, 0.1, 0.1, 0.5, 0.6], [0, 0.5, 0.6, 0.7, 0.8], [-1, -1, -1, -1, -1]],
    [[2, 0.1, 0.2, 0.3, 0.4], [-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1]],
    [[-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1]],
]
OFFSETS = {"fixed": ("cls_prob", "loc_pred", "anchor")}
PROBABILITIES = [
    [[0.1, 0.3, 0.2, 0.9, 0.1], [0.6, 0.3, 0.7, 0.1, 0.5], [0.3, 0.4, 0.1, 0.0, 0.4]],
    [[0.1, 0.3, 0.2, 0.9, 0.1], [0.6, 0.6, 0.6, 0.1, 0.5], [0.3, 0.1, 0.2, 0.0, 0.4]],
]
PROPOSALS = {"cls_prob": (1, 24, 5, 6), "bbox_pred": (1, 48, 5, 6), "im_info": [[80, 96, 1.5]]}
FIXED = {"fixed": ("cls_prob", "bbox_pred", "im_info")}
SMALL = {"rpn_min_size": 4, "rpn_pre_nms_top_n": 40, "rpn_post_nms_top_n": 8, **FIXED}

CASES = [
    *(
        ("contrib.box_nms", {"data": BOXES}, options)
        for options in (
            {"force_suppress": True, "id_index": 0},
            {"overlap_thresh": 0.1, "id_index": 0},
            {"overlap_thresh": 0.1},
            {"overlap_thresh": 0.1, "valid_thresh": 0.4, "topk": 2, "id_index": 0},
            {"background_id": 0, "id_index": 0},
            {"background_id": 2},
            {"topk": 3},
            {"topk": 0},
            {"out_format": "center", "overlap_thresh": 0.1},
        )
    ),
    ("contrib.box_nms", {"data": CENTERS}, {"in_format": "center", "overlap_thresh": 0.1}),
    ("contrib.box_nms", {"data": NONE_VALID}, {}),
    ("contrib.box_nms", {"data": [BOXES, BOXES[::-1]]}, {"id_index": 0}),
    ("contrib.box_nms", {"data": (2, 8, 7)}, {"low": 0.0, "coord_start": 3, "score_index": 2, "overlap_thresh": 0.2}),
    ("contrib.box_nms", {"data": (8, 6)}, {"low": 0.1, "in_format": "center"}),
    ("contrib.box_iou", {"lhs": (2, 3, 4), "rhs": (5, 4)}, {"low": 0.0, "format": "center"}),
    ("contrib.box_iou", {"lhs": [[0, 0, 2, 2], [3, 3, 3, 3]], "rhs": [[1, 1, 3, 3], [3, 3, 3, 3], [5, 5, 4, 4]]}, {}),
    *(
        ("contrib.bipartite_matching", {"data": (2, 4, 3)}, options)
        for options in (
            {"threshold": 0.1},
            {"threshold": 0.1, "is_ascend": True},
            {"threshold": -2, "topk": 2},
            {"threshold": -2, "topk": 1},
            {"threshold": 2, "topk": 2, "is_ascend": True},
        )
    ),
    ("contrib.bipartite_matching", {"data": [[0.5, 0.5, 0.2], [0.5, 0.5, 0.2], [0.1, 0.2, 0.2]]}, {"threshold": 0.2}),
    (
        "contrib.box_encode",
        {
            "samples": [[0, 1, -1, 1]],
            "matches": [[0, 1, 0, 0]],
            "anchors": [[[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0, 0, 1, 1], [0.1, 0.1, 0.6, 0.3]]],
            "refs": [[[0.1, 0.2, 0.3, 0.5], [0.5, 0.5, 0.9, 0.8]]],
            "means": [0.1, 0.2, 0, 0.1],
            "stds": [0.1, 0.1, 0.2, 0.3],
        },
        {"fixed": ("samples", "matches", "anchors", "refs", "means", "stds")},
    ),
    *(
        ("contrib.box_decode", {"data": (2, 3, 4), "anchors": (1, 3, 4)}, {**options, "fixed": ("data", "anchors")})
        for options in ({"std0": 0.1, "std1": 0.2, "std2": 0.3, "std3": 0.4}, {"clip": 0.3, "format": "corner"})
    ),
    *(
        ("contrib.MultiBoxPrior", {"data": (1, 2, 3, 4)}, {**options, "fixed": ("data",)})
        for options in (
            {"sizes": (0.75, 0.5, 0.25), "ratios": (1, 2, 0.5)},
            {"sizes": (0.75,), "ratios": (2, 0.5), "clip": True},
            {"steps": (0.2, 0.3), "offsets": (0.1, 0.6)},
        )
    ),
    *(
        (
            "contrib.MultiBoxTarget",
            {"anchor": ANCHORS, "label": LABELS, "cls_pred": (3, 4, 5)},
            {**options, "fixed": ("anchor", "label", "cls_pred")},
        )
        for options in (
            {},
            {"overlap_threshold": 0.3, "variances": (0.2, 0.3, 0.4, 0.5)},
            {"negative_mining_ratio": 1, "negative_mining_thresh": 0.4},
            {"negative_mining_ratio": 1, "minimum_negative_samples": 2, "ignore_label": -2},
            {"negative_mining_ratio": 3, "negative_mining_thresh": 0.1, "overlap_threshold": 0.9},
        )
    ),
    *(
        (
            "contrib.MultiBoxDetection",
            {"cls_prob": PROBABILITIES, "loc_pred": (2, 20), "anchor": ANCHORS},
            {**options, **OFFSETS},
        )
        for options in (
            {},
            {"threshold": 0.45, "clip": False},
            {"nms_threshold": 0.1, "force_suppress": True},
            {"nms_threshold": 0.1, "nms_topk": 2},
            {"nms_threshold": -1.0},
            {"background_id": 1, "variances": (0.2, 0.3, 0.4, 0.5)},
        )
    ),
    *(
        ("contrib.Proposal", PROPOSALS, {**SMALL, "low": 0.0, **options})
        for options in (
            {},
            {"output_score": True, "threshold": 0.3},
            {"iou_loss": True, "threshold": 0.5},
            {"rpn_min_size": 60},
            {"scales": (2, 4), "ratios": (0.5, 1, 2, 3, 1.5, 0.3), "feature_stride": 8, "rpn_post_nms_top_n": 30},
        )
    ),
    (
        "contrib.MultiProposal",
        {"cls_prob": (2, 24, 5, 6), "bbox_pred": (2, 48, 5, 6), "im_info": [[80, 96, 1.5], [60, 90, 1]]},
        {**SMALL, "low": 0.0, "output_score": True},
    ),
]
