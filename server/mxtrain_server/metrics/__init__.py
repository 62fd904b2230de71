"""Metrics of scheduler and servers in the form of Prometheus; nothing here runs unless a port is asked for."""
