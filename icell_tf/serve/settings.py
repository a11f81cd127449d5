"""How a model is served."""

from dataclasses import dataclass

MEGABYTE = 2**20
CELLS = 64  # that a request may have, or fewer volumes; see `spec.at_once`


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
      name: of the model, in URLs.
      host, port: where to listen.
      allowed_hosts: names, beside localhost and `host`, that a request's Host header may have; "*" is any.
      allow_origin: of pages elsewhere that may ask, such as https://example.org; "" for none.
      max_megabytes: of a request's body.
      requests_at_once: that are answered; the others are told to come again.
      header_seconds, body_seconds: until a request's head and its body must have come.
      request_seconds: until a request must have been answered.
      max_megapixels: of a stack that is sent, in all its planes and channels; 1 is 2**20 pixels.
      stacks_at_once: that are read at once, each in a process of its own.
      stack_seconds: until a stack must have been read.
    """

    name: str = "integrator"
    host: str = "127.0.0.1"
    port: int = 8501
    allowed_hosts: tuple = ()
    allow_origin: str = ""
    max_megabytes: int = 256
    requests_at_once: int = 128
    header_seconds: float = 10
    body_seconds: float = 30
    request_seconds: float = 120
    max_megapixels: int = 256
    stacks_at_once: int = 2
    stack_seconds: float = 60

    def __post_init__(self):
        object.__setattr__(self, "allowed_hosts", tuple(self.allowed_hosts))

    @property
    def max_body(self):
        """Bytes of a request's body."""
        return self.max_megabytes * MEGABYTE
