"""Cases of pooling over regions and of resizing: operator, inputs (shapes to be filled, or values), parameters."""

ROIS = [
    [0, 0.5, 0.3, 4.1, 3.7],
    [1, 1.2, 0, 9, 2.5],
    [0, -3, -2, 3, 2],
    [1, 3, 3, 3, 3],
    [1, 4.5, 3.5, 2, 1],
    [0, 0, 0, 30, 20],
]
ROTATED = [[0, 4.1, 3.7, 5, 3, 30], [1, 2, 2, 4, 6, -60], [0, 0, 0, 3, 3, 0], [1, 7, 5, 0.5, 0.2, 135]]
NO_ROIS = {"fixed": ("rois",)}

CASES = [
    *(
        ("contrib.ROIAlign", {"data": (2, 4, 7, 9), "rois": ROIS}, {"pooled_size": (2, 2), **options, **NO_ROIS})
        for options in (
            {"spatial_scale": 1.0, "sample_ratio": 2},
            {"spatial_scale": 0.5},
            {"spatial_scale": 1.0},
            {"spatial_scale": 1.0, "position_sensitive": True},
            {"spatial_scale": 1.0, "pooled_size": (3, 5), "sample_ratio": 1},
        )
    ),
    *(
        ("contrib.ROIAlign", {"data": (2, 4, 7, 9), "rois": ROIS[:3]}, {**options, "pooled_size": (2, 2), **NO_ROIS})
        for options in (
            {"spatial_scale": 1.0, "aligned": True},
            {"spatial_scale": 0.7, "aligned": True, "sample_ratio": 3},
        )
    ),
    *(
        ("ROIPooling", {"data": (2, 3, 7, 9), "rois": ROIS}, {**options, **NO_ROIS})
        for options in (
            {"pooled_size": (2, 2), "spatial_scale": 1.0},
            {"pooled_size": (3, 4), "spatial_scale": 0.5},
            {"pooled_size": (7, 7), "spatial_scale": 0.9},
        )
    ),
    *(
        ("contrib.PSROIPooling", {"data": (2, 8, 7, 9), "rois": ROIS}, {**options, **NO_ROIS})
        for options in (
            {"output_dim": 2, "pooled_size": 2, "spatial_scale": 1.0},
            {"output_dim": 2, "pooled_size": 3, "group_size": 2, "spatial_scale": 0.5},
            {"output_dim": 8, "pooled_size": 4, "group_size": 1, "spatial_scale": 0.9},
        )
    ),
    *(
        ("contrib.AdaptiveAvgPooling2D", {"data": (2, 3, 5, 7)}, options)
        for options in ({}, {"output_size": 3}, {"output_size": (2, 4)}, {"output_size": (8, 7)})
    ),
    *(
        ("contrib.BilinearResize2D", {"data": (2, 2, 4, 5)}, options)
        for options in (
            {"height": 7, "width": 3},
            {"height": 7, "width": 3, "align_corners": False},
            {"height": 1, "width": 1},
            {"height": 4, "width": 5},
            {"scale_height": 1.6, "scale_width": 2.2},
            {"scale_height": 2, "scale_width": 2, "mode": "odd_scale"},
            {"scale_height": 0.5, "scale_width": 0.5, "mode": "odd_scale", "align_corners": False},
            {"mode": "to_even_down"},
            {"mode": "to_even_up"},
            {"mode": "to_odd_down"},
            {"mode": "to_odd_up"},
        )
    ),
    ("contrib.BilinearResize2D", {"data": (2, 2, 4, 5), "like": (2, 2, 6, 3)}, {"mode": "like"}),
]
