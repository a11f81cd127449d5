"""Writes the explorer, a page that shows every structure in a cell, as a folder for any web server.

The model runs in the browser: a cell never leaves the machine of whoever looks at it.

icell explorer --model=simulated_64 --output=site
python -m http.server --bind=127.0.0.1 --directory=site
"""

from absl import flags

from icell_tf.cli.command import define_folder, define_model
from icell_tf.cli.page_flags import define_page_flags
from icell_tf.inference.loading import load
from icell_tf.messages import counted
from icell_tf.runs import shipped
from icell_tf.serve import site

MODEL = define_model("with --backend=rest exported SavedModel")
OUTPUT = define_folder("output", "site", "a new folder")
BACKEND = flags.DEFINE_enum(
    "backend",
    site.BACK_ENDS[0],
    site.BACK_ENDS,
    "onnx: the model runs in the browser, which needs icell_tf[onnx,serve] to write; rest: the page asks a server at "
    f"the same address, at v1/models/{site.DEFAULT_NAME}, such as TensorFlow Serving",
)
FIND_CELLS = define_page_flags()
ONNXRUNTIME = define_folder(
    "onnxruntime", None, "package of onnxruntime-web, .tgz (default: the one that was installed with icell_tf)"
)


def main():
    model = shipped.resolve(MODEL.value)
    integrator = load(model)
    cells = FIND_CELLS(model, integrator)
    path = site.write_site(integrator, site.model_name(model), OUTPUT.value, cells, BACKEND.value, ONNXRUNTIME.value)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
    print(
        f"the explorer, {counted(len(cells.all), 'cell')}, {size:.0f} MB: copy the folder {path} to any web space, or "
        f"look at it here: python -m http.server --bind=127.0.0.1 --directory={path}"
    )
