"""Installs `icell_tf`, with the command `icell`.

`datasets`, `train` and `tests` stay in the checkout, as their names belong to others.
"""

import hashlib
import json
import pathlib
import re
import sys

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGE = pathlib.Path(__file__).parent / "icell_tf"
INIT, SHIPPED, PAGE = PACKAGE / "__init__.py", PACKAGE / "shipped", PACKAGE / "serve" / "page"

if sys.version_info >= (3, 14):  # python_requires says so, too, but not why
    sys.exit("icell_tf needs Python 3.11, 3.12 or 3.13: there is no TensorFlow 2.21 for Python 3.14.")

# The ranges are those the tests have run with. TensorFlow, Keras and TFDS are held to one minor version each, because
# the code relies on behaviour of theirs that changes between them; requirements.lock pins everything exactly.
REQUIREMENTS = [
    "absl-py>=2.5,<3",
    "array_record>=0.8.3,<0.9",
    "h5py>=3.14,<4",
    "jinja2>=3.1.6,<4",
    "joblib>=1.6,<2",
    "keras>=3.15,<3.16",
    "matplotlib>=3.11,<3.12",
    "numpy>=2.4,<2.5",
    "pillow>=12.3,<13",
    "psutil>=7.2,<8",
    "PyYAML>=6.0.3,<7",
    "scikit-image>=0.26,<0.27",
    "scikit-learn>=1.9,<1.10",
    "scoringrules>=0.10,<0.11",
    "scipy>=1.17,<1.18",
    "tensorboard>=2.21,<2.22",  # TensorFlow 2.21 no longer brings it
    "tensorflow>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<4.10",
    "tifffile>=2026.3,<2027",
    "importlib_resources>=7.1,<8",  # TFDS imports it but doesn't require it
]

# What the command `tfds` imports but TFDS doesn't require, and what builds on several machines need; `icell build`
# needs neither.
BUILD = ["apache-beam>=2.77,<2.78", "mlcroissant>=1.1,<1.2"]

# What some formats need; the readers say which one to install. pylibCZIrw is Zeiss', bioio and its plugins are the
# Allen Institute's. requirements.lock has none of czi, lif, nd2 and codecs, so the tests don't cover their ranges.
ZARR = ["zarr>=3.1.6,<3.2"]

# What the export of ONNX graphs needs; the tests run the graphs with ONNX Runtime.
ONNX = ["onnx>=1.23.2,<1.24", "tf2onnx>=1.17,<1.18"]

# What `icell serve` and its client need. Granian is the server process because it has a deadline for a request's head.
SERVE = [
    "fastapi>=0.165,<0.166",
    "granian>=2.8.9,<2.9",
    "orjson>=3.13,<4",
    "prometheus-client>=0.26,<0.27",
    "python-multipart>=0.0.34,<0.1",
    "safetensors>=0.8,<0.9",
    "urllib3>=2.8,<3",
]
EXTRAS = {
    "build": BUILD,
    "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],  # CUDA and cuDNN; not in requirements.lock
    "zarr": ZARR,
    "onnx": ONNX,
    "serve": SERVE,
    "czi": ["pylibCZIrw>=6.1,<7"],
    "lif": ["bioio>=3.6,<4", "bioio-lif>=2.0.1,<3"],
    "nd2": ["bioio>=3.6,<4", "bioio-nd2>=2.6,<3"],
    "codecs": ["imagecodecs>=2026.3,<2027"],  # TIFFs in LZW, JPEG and the like
    "docs": ["furo>=2025.12,<2027", "myst-parser>=5,<6", "sphinx>=9,<9.1"],  # Sphinx 9.1 needs Python 3.12
    # dill: for tfds.testing; httpx2: for starlette.testclient; playwright and axe: for `make test-browser`
    "test": [
        "axe-playwright-python>=0.1.8,<0.2",
        "dill>=0.4,<0.5",
        "httpx2>=2.16,<3",
        "onnxruntime>=1.32,<1.33",
        "playwright>=1.65,<1.66",
        "pytest>=9.2,<10",
        "pytest-xdist>=3.8,<4",
        "ruff>=0.17.6,<0.18",
        *ZARR,
        *ONNX,
        *SERVE,
        *BUILD,
    ],
}


class BuildWithModels(build_py):
    """Builds the package only with the files of the models that ship which models.json lists, by their hashes."""

    def run(self):
        index = json.loads((SHIPPED / "models.json").read_text(encoding="utf-8"))
        listed = {
            SHIPPED / model / name: digest for model, about in index.items() for name, digest in about["files"].items()
        }
        found = {path for path in SHIPPED.glob("*/*") if path.is_file()}
        for path in sorted(found | set(listed)):
            if path not in found or hashlib.sha256(path.read_bytes()).hexdigest() != listed.get(path):
                sys.exit(
                    f"{path} is missing or is not the file that models.json lists: check it out again, or ship it anew."
                )
        check_runtime()
        super().run()


def check_runtime():
    """Checks ONNX Runtime's files for the page, which are in the package only if `make vendor` was called."""
    record, folder = json.loads((PAGE.parent / "vendor.json").read_text(encoding="utf-8")), PAGE / "vendor"
    if not folder.exists():
        print(f"without {record['name']}: `icell explorer` will ask for its package; `make vendor` puts it in")
        return
    listed = {name: about["sha256"] for name, about in record["files"].items()}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    if found != listed:
        sys.exit(f"{folder} has not the files that vendor.json lists: remove it, or run `make vendor` again.")


setup(
    name="icell_tf",
    version=re.search(r'^__version__ = "(.+)"$', INIT.read_text(), re.MULTILINE)[1],
    description="The Integrated Cell in TensorFlow: every structure in one cell, from images that show one each",
    license="Apache-2.0",
    packages=find_packages(include=["icell_tf", "icell_tf.*"]),
    package_data={
        "icell_tf": ["shipped/*.json", "shipped/*/*"],
        "icell_tf.reports": ["page.html"],
        "icell_tf.serve": ["vendor.json", "page/*", "page/vendor/*"],
        "icell_tf.data.builder": ["README.md", "CITATIONS.bib", "TAGS.txt"],  # TFDS reads them beside the builder
    },
    cmdclass={"build_py": BuildWithModels},
    entry_points={"console_scripts": ["icell = icell_tf.cli.icell:main"]},
    python_requires=">=3.11,<3.14",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
)
