"""No channel or spatial axis is named by a number outside icell_tf/spec.py.

`python tests/test_axes.py CHECKOUT` prints the count in another checkout.
"""

import ast
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# What does not deal with images of cells as the spec describes them, and why.
EXEMPT = {
    "spec.py": "says which axis is which",
    "viz": "draws planes (Y, X, C) as RGB pictures",
    "simulate": "makes stacks (C, Z, Y, X)",
    "imaging": "reads stacks (C, Z, Y, X), before they are images of cells",
    "networks/convolution.py": "computes convolutions of two dimensions",
    "networks/volume_convolution.py": "computes convolutions of three dimensions",
    "networks/blocks.py": "chooses layers by the number of axes",
    "evaluation/judge.py": "sees planes, whatever the cells are",
    "evaluation/detector.py": "sees planes, whatever the cells are",
}
AXIS_ARGUMENTS = {"axis", "axes"}
LARGEST_RANK = 5  # of a batch of volumes: (B, Z, Y, X, C)


def _is_number(node):
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) is int


def _names_an_axis(node):
    """Whether an expression names an axis, or a channel, of an array of images by its number."""
    if isinstance(node, ast.Subscript):
        index, of_shape = node.slice, isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
        last = index.elts[-1] if isinstance(index, ast.Tuple) and index.elts else index
        bounds = [last.lower, last.upper] if isinstance(last, ast.Slice) else [last]
        numbers = [part for part in bounds if part is not None and _is_number(part)]
        after_dots = isinstance(index, ast.Tuple) and any(
            isinstance(part, ast.Constant) and part.value is ... for part in index.elts
        )
        values = [ast.literal_eval(number) for number in numbers]
        by_number = any(0 < value < LARGEST_RANK for value in values) and ast.unparse(last) not in (
            "1:",
            "1:-1",
        )  # all axes
        return bool(numbers) and (after_dots or (of_shape and by_number))
    if isinstance(node, ast.keyword):  # a reduction over several axes is one over pixels
        several = isinstance(node.value, ast.Tuple | ast.List) and len(node.value.elts) > 1
        return node.arg in AXIS_ARGUMENTS and several and all(map(_is_number, node.value.elts))
    if isinstance(node, ast.Assign):  # _, height, width, _ = images.shape
        of_shape = isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
        return of_shape and isinstance(node.targets[0], ast.Tuple) and len(node.targets[0].elts) > 3
    if isinstance(node, ast.Attribute | ast.Name):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        return name.startswith(("Conv2D", "Conv3D", "GlobalAveragePooling")) or name in ("conv2d", "conv3d")
    return isinstance(node, ast.Constant) and node.value == "membrane"  # a nucleus is also a part of a cell


def axes_by_number(source):
    """Returns the numbers of the lines of a source that name an axis or a channel themselves."""
    return sorted({node.lineno for node in ast.walk(ast.parse(source)) if _names_an_axis(node)})


def modules(checkout):
    """The modules of a checkout that may not name an axis."""
    package = pathlib.Path(checkout) / "icell_tf"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if not {name.as_posix(), name.parts[0]} & EXEMPT.keys():
            yield path


@pytest.mark.parametrize("path", list(modules(REPOSITORY)), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_axis_is_named_by_its_number(path):
    lines = axes_by_number(path.read_text(encoding="utf-8"))
    assert not lines, f"{path}, lines {lines}: ask the CellSpec, or spatial_axes and image_axes of icell_tf/spec.py"


@pytest.mark.parametrize(
    "source",
    [
        "x[..., -1]",
        "x[..., :-1]",
        "x[..., 1:]",
        "x[:, ..., 0]",
        "x.sum(axis=(1, 2))",
        "tf.reverse(x, axes=[1, 2])",
        "x.shape[1]",
        "x.shape[1:3]",
        "_, h, w, c = x.shape",
        "keras.layers.Conv2D(3)",
        "channels.index('membrane')",
    ],
)
def test_an_axis_by_its_number_is_found(source):
    assert axes_by_number(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "x[..., None]",
        "x[..., k]",
        "x[0]",
        "x[-1]",
        "codes.mean(axis=-1)",
        "probabilities.argmax(axis=1)",
        "x.sum(axis=image_axes(x))",
        "x.shape[0]",
        "x.shape[1:]",
        "x.shape[1:-1]",
        "x.shape[-1]",
        "rows, columns = x.shape",
    ],
)
def test_other_indices_are_left_alone(source):
    assert axes_by_number(source) == []


if __name__ == "__main__":
    counts = {path: len(axes_by_number(path.read_text(encoding="utf-8"))) for path in modules(sys.argv[1])}
    for name, count in counts.items():
        if count:
            print(f"{count:4} {name}")
    print(f"{sum(counts.values()):4} lines name an axis or a channel by its number")
