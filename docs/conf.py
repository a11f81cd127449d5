"""Settings of the site, which `make docs` builds with Sphinx. Pages are Markdown, which MyST reads."""

import os
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(pathlib.Path(__file__).resolve().parent / "_ext")]
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # modules are imported for their docstrings, and compute nothing
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import icell_tf  # noqa: E402
from icell_tf.messages import quiet_start  # noqa: E402

with quiet_start():
    import tensorflow  # noqa: E402, F401

project, author, copyright = "icell_tf", "", ""
version = release = icell_tf.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
extensions += ["docstrings", "commands", "offline"]  # in _ext
exclude_patterns = ["_ext"]

html_theme = "furo"  # it has no web fonts, and asks no other host for anything; `offline` checks that
html_title = "icell_tf"
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
highlight_language = "none"  # of code without a language
pygments_style, pygments_dark_style = "tango", "monokai"

myst_heading_anchors = 4

# Docstrings name things in single backticks: a link where the name is one of ours, else code.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "none"  # docstrings say more: shapes, units and ranges
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
