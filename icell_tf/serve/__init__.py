"""A server of a trained model, and its client: `icell serve`, and `Client` for programs that ask it.

The client needs neither TensorFlow nor the packages of the server, so it is imported on demand.
"""

__all__ = ["Client"]


def __getattr__(name):
    if name == "Client":
        try:
            from icell_tf.serve.client import Client
        except ImportError as error:
            raise ImportError(f"the client needs more packages ({error}): pip install 'icell_tf[serve]'") from error
        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
