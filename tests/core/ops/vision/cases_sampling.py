"""Cases of sampling at points: operator, inputs (shapes to be filled, or values), parameters."""

ROIS = [[0, 0.5, 0.3, 4.1, 3.7], [1, 1.2, 0, 9, 2.5], [0, -3, -2, 3, 2], [1, 3, 3, 3, 3], [0, 0, 0, 30, 20]]
ROTATED = [[0, 4.1, 3.7, 5, 3, 30], [1, 2, 2, 4, 6, -60], [0, 0, 0, 3, 3, 0], [1, 7, 5, 0.5, 0.2, 135]]
AFFINE = {"transform_type": "affine", "sampler_type": "bilinear"}

CASES = [
    ("BilinearSampler", {"data": (2, 3, 4, 5), "grid": (2, 2, 3, 2)}, {"low": -1.3, "high": 1.3}),
    ("BilinearSampler", {"data": [[[[1, 4, 3], [1, 8, 8]]]], "grid": [[[[-1, 1, 0, 2]], [[-1, 1, 1, 0]]]]}, {}),
    ("GridGenerator", {"data": (2, 6)}, {"transform_type": "affine", "target_shape": (3, 4)}),
    ("GridGenerator", {"data": (2, 2, 3, 4)}, {"transform_type": "warp"}),
    ("SpatialTransformer", {"data": (2, 3, 4, 5), "loc": (2, 6)}, {"target_shape": (3, 2), **AFFINE}),
    (
        "SpatialTransformer",
        {"data": (1, 2, 4, 4), "loc": [[0.5, 0.1, 0, 0.2, 0.9, 0.1]]},
        {"target_shape": (5, 5), **AFFINE},
    ),
    *(
        (
            "contrib.DeformableConvolution",
            {
                "data": (1, 4, 4, 5),
                "offset": (1, 2 * 9 * groups, 4, 5),
                "weight": (4, 4 // num_group, 3, 3),
                "bias": (4,),
            },
            {
                "kernel": (3, 3),
                "pad": (1, 1),
                "num_filter": 4,
                "num_deformable_group": groups,
                "num_group": num_group,
                "low": -1.5,
                "high": 1.5,
            },
        )
        for groups, num_group in ((1, 1), (2, 1), (1, 2), (2, 2))
    ),
    (
        "contrib.DeformableConvolution",
        {"data": (1, 2, 7, 8), "offset": (1, 12, 3, 8), "weight": (3, 2, 2, 3)},
        {"kernel": (2, 3), "pad": (1, 2), "stride": (2, 1), "dilate": (3, 2), "num_filter": 3, "no_bias": True},
    ),
    (
        "contrib.DeformableConvolution",
        {"data": (1, 2, 3, 3), "offset": [[[[0] * 3] * 3] * 18], "weight": (1, 2, 3, 3)},
        {"kernel": (3, 3), "pad": (1, 1), "num_filter": 1, "no_bias": True},
    ),
    *(
        ("contrib.RROIAlign", {"data": (2, 3, 7, 9), "rois": ROTATED}, {**options, "fixed": ("rois", "data")})
        for options in (
            {"pooled_size": (2, 2), "spatial_scale": 1.0, "sampling_ratio": 2},
            {"pooled_size": (2, 3), "spatial_scale": 0.8},
        )
    ),
    *(
        (
            "contrib.DeformablePSROIPooling",
            {"data": (2, 8, 7, 9), "rois": ROIS, **trans},
            {"output_dim": 2, "group_size": 2, "spatial_scale": 0.8, **options, "fixed": ("rois",)},
        )
        for trans, options in (
            ({}, {"pooled_size": 2, "no_trans": True, "sample_per_part": 2}),
            ({}, {"pooled_size": 3, "no_trans": True, "sample_per_part": 4}),
            ({"trans": (5, 2, 2, 2)}, {"pooled_size": 2, "part_size": 2, "trans_std": 0.3, "sample_per_part": 2}),
            ({"trans": (5, 4, 2, 2)}, {"pooled_size": 3, "part_size": 2, "trans_std": 0.2, "sample_per_part": 3}),
        )
    ),
    *(
        ("Correlation", {"data1": (2, 3, 6, 7), "data2": (2, 3, 6, 7)}, options)
        for options in (
            {"kernel_size": 1, "max_displacement": 1},
            {"kernel_size": 3, "max_displacement": 2, "pad_size": 3},
            {"kernel_size": 3, "max_displacement": 2, "pad_size": 2, "stride1": 2, "stride2": 2},
            {"kernel_size": 1, "max_displacement": 3, "pad_size": 4, "stride1": 2, "stride2": 2, "is_multiply": False},
            {"kernel_size": 3, "max_displacement": 1, "pad_size": 1, "is_multiply": False},
        )
    ),
    ("Crop", {"arg0": (2, 3, 6, 7)}, {"h_w": (3, 4), "offset": (1, 2), "num_args": 1}),
    ("Crop", {"arg0": (2, 3, 6, 7)}, {"h_w": (3, 4), "center_crop": True, "num_args": 1}),
    ("Crop", {"arg0": (2, 3, 6, 7), "arg1": (1, 2, 4, 3)}, {"offset": (1, 2), "num_args": 2}),
    ("Crop", {"arg0": (2, 3, 6, 7), "arg1": (1, 2, 4, 3)}, {"center_crop": True, "num_args": 2}),
]
