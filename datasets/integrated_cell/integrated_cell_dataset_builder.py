"""Where `tfds build` finds the builder of `integrated_cell`, which is part of the package."""

import json
import sys

from absl import app

from icell_tf import messages
from icell_tf.data.builder.config import IntegratedCellConfig
from icell_tf.data.builder.integrated_cell import IntegratedCellBuilder

__all__ = ["Builder", "IntegratedCellConfig"]


class _Sentence(app.ExceptionHandler):
    """Ends `tfds build` with a sentence, without the traceback, after an error that comes before the build.

    Such an error is one of `--config`. From `download_and_prepare` on, `messages.sentences` does it.
    """

    def handle(self, error):
        text = messages.explain(error)
        if isinstance(error, json.JSONDecodeError):  # of --config, of --download_config, or of a file
            text = f"{error.doc[:200]!r} is no JSON: {error}."
        if text is not None:
            sys.excepthook = lambda *_: print(f"Error: {text}", file=sys.stderr)


app.install_exception_handler(_Sentence())


class Builder(IntegratedCellBuilder):
    """`IntegratedCellBuilder`, registered: TFDS takes the one class that this module defines."""

    @messages.sentences("tfds")
    def download_and_prepare(self, **kwargs):
        """As of `IntegratedCellBuilder`, but an error ends `tfds build` with a sentence."""
        return super().download_and_prepare(**kwargs)
