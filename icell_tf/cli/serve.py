"""Serves a trained model by HTTP: TensorFlow Serving's REST API, with a client in Python, icell_tf.serve.Client; and a
page that shows what the model finds.

icell serve --model=simulated_64

It answers on this machine only, unless --host and --allowed_hosts say otherwise. Ctrl+C or SIGTERM ends it, once all
requests are answered.
"""

from absl import flags

from icell_tf.cli.command import define_model
from icell_tf.cli.page_flags import define_page_flags
from icell_tf.inference.loading import load, version_of
from icell_tf.runs import shipped
from icell_tf.serve.settings import Settings

DEFAULT = Settings()
MODEL = define_model("exported SavedModel")
SETTINGS = (  # of `Settings`, by its names
    flags.DEFINE_string("name", DEFAULT.name, "name of the model in URLs: /v1/models/NAME"),
    flags.DEFINE_string("host", DEFAULT.host, "address to listen at; 0.0.0.0 is every address of this machine"),
    flags.DEFINE_integer("port", DEFAULT.port, "port to listen at", lower_bound=1, upper_bound=65535),
    flags.DEFINE_list(
        "allowed_hosts",
        [],
        "names by which others reach this machine, separated by commas; requests for other hosts are refused, so that "
        "no page elsewhere can pass for this one; * takes any",
    ),
    flags.DEFINE_string(
        "allow_origin", "", "web site, such as https://example.org, whose pages may ask this server (CORS)"
    ),
    flags.DEFINE_integer("max_megabytes", DEFAULT.max_megabytes, "of a request", lower_bound=1),
    flags.DEFINE_integer(
        "requests_at_once", DEFAULT.requests_at_once, "that are answered; others are told to come again", lower_bound=1
    ),
    flags.DEFINE_float(
        "header_seconds", DEFAULT.header_seconds, "until the head of a request must have come", lower_bound=0.001
    ),
    flags.DEFINE_float("body_seconds", DEFAULT.body_seconds, "until a request must have come", lower_bound=0),
    flags.DEFINE_float(
        "request_seconds", DEFAULT.request_seconds, "until a request must have been answered", lower_bound=0
    ),
    flags.DEFINE_integer(
        "max_megapixels", DEFAULT.max_megapixels, "of a stack that is sent, in all planes and channels", lower_bound=1
    ),
    flags.DEFINE_integer(
        "stacks_at_once", DEFAULT.stacks_at_once, "that are read, each in a process of its own", lower_bound=1
    ),
)
FIND_CELLS = define_page_flags()


def main():
    try:
        from icell_tf.serve.server import serve
    except ImportError as error:
        raise ImportError(f"the server needs more packages ({error}): pip install 'icell_tf[serve]'") from error
    settings = Settings(**{flag.name: flag.value for flag in SETTINGS})
    model = shipped.resolve(MODEL.value)
    serve(lambda: load(model), settings, version_of(model), lambda integrator: FIND_CELLS(model, integrator))
