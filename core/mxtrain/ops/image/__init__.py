"""Operators of `mx.nd.image`: conversion, geometry and colour of images with the channels last."""
