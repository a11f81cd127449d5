"""A server of a trained model, and its client: `icell serve`, and `Client` for programs that ask it.

The client needs neither TensorFlow nor the packages of the server, so it is imported on demand.
"""

__all__ = ["Client"]


def __getattr__(name):
    if name == "Client":
        from icell_tf.serve.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
