"""What a server counts, in the form that Prometheus reads."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CELLS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counts of one server, in a registry of its own.

    Attributes: requests, by route and status; seconds, by route, from the head of a request to its answer; running,
    requests that are being answered; batches, cells in a call of a function; waiting, cells in no batch yet.
    """

    def __init__(self):
        self._registry = CollectorRegistry()
        of = {"namespace": "icell", "registry": self._registry}
        self.requests = Counter("requests", "Requests by route and status", ["route", "status"], **of)
        self.seconds = Histogram("request_seconds", "Time to the answer", ["route"], buckets=SECONDS, **of)
        self.running = Gauge("requests_running", "Requests that are being answered", **of)
        self.batches = Histogram("batch_cells", "Cells in a call of a function", ["function"], buckets=CELLS, **of)
        self.waiting = Gauge("cells_waiting", "Cells that wait for a batch", **of)

    def text(self):
        """Returns all counts as bytes of `CONTENT_TYPE`."""
        return generate_latest(self._registry)
