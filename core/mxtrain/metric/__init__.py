"""Metrics: how good predictions are."""

from mxtrain.metric.accuracy import Accuracy, TopKAccuracy
from mxtrain.metric.base import EvalMetric, alias, check_label_shapes, register
from mxtrain.metric.binary import F1, MCC
from mxtrain.metric.composite import CompositeEvalMetric, create
from mxtrain.metric.correlation import PCC, PearsonCorrelation
from mxtrain.metric.custom import CustomMetric, np
from mxtrain.metric.likelihood import CrossEntropy, NegativeLogLikelihood, Perplexity
from mxtrain.metric.loss import Caffe, Loss, Torch
from mxtrain.metric.regression import MAE, MSE, RMSE

__all__ = [
    "F1",
    "MAE",
    "MCC",
    "MSE",
    "PCC",
    "RMSE",
    "Accuracy",
    "Caffe",
    "CompositeEvalMetric",
    "CrossEntropy",
    "CustomMetric",
    "EvalMetric",
    "Loss",
    "NegativeLogLikelihood",
    "PearsonCorrelation",
    "Perplexity",
    "TopKAccuracy",
    "Torch",
    "alias",
    "check_label_shapes",
    "create",
    "np",
    "register",
]
