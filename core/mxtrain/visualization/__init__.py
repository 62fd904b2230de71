"""Networks as tables and pictures."""

from mxtrain.visualization.network_plot import plot_network
from mxtrain.visualization.summary import print_summary

__all__ = ["plot_network", "print_summary"]
