"""`ServerMetrics`: what one parameter server counts of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mxtrain_kvstore.counters import NodeCounters


class ServerMetrics:
    """A collector of prometheus_client. rank: of the server."""

    def __init__(self, counters: NodeCounters, rank: int) -> None:
        self._counters = counters
        self._rank = str(rank)

    def collect(self) -> Iterator[Any]:
        """All metrics as they are now; they are brought up to date about every second."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._counters
        for family, name, text, value in (
            (CounterMetricFamily, "mxtrain_server_rounds", "Rounds of the server's furthest key.", now.rounds),
            (CounterMetricFamily, "mxtrain_server_received_bytes", "Bytes of values pushed here.", now.bytes_in),
            (CounterMetricFamily, "mxtrain_server_sent_bytes", "Bytes of values pulled from here.", now.bytes_out),
            (CounterMetricFamily, "mxtrain_server_dropped_messages", "Messages that made no sense.", now.dropped),
            (CounterMetricFamily, "mxtrain_server_late_pushes", "Pushes that came after their round.", now.passed_over),
            (GaugeMetricFamily, "mxtrain_server_keys", "Keys of the shards that the server leads.", now.keys),
            (GaugeMetricFamily, "mxtrain_server_parameter_bytes", "Bytes of their values.", now.parameter_bytes),
        ):
            metric = family(name, text, labels=("rank",))
            metric.add_metric((self._rank,), value)
            yield metric
