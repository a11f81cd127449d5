"""The explorer's page, opened, driven and read, and the pictures that it must show."""

from unittest import mock

import numpy as np

from icell_tf import structures
from icell_tf.viz import figures

WAIT = 60_000  # ms; a busy machine takes long
SETTLED = """() => {
    const { wanted, shown } = document.getElementById("composite-figure").dataset;
    return shown && wanted === shown && location.hash === shown;
}"""
# The largest difference between a canvas and a picture of one pixel a pixel of the cell, enlarged as the page does it.
DIFFERENCE = """({ selector, width, height, values }) => {
    const shown = document.querySelector(selector), small = new OffscreenCanvas(width, height);
    small.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(values), width, height), 0, 0);
    const context = new OffscreenCanvas(shown.width, shown.height).getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, shown.width, shown.height);
    const [found, expected] = [shown.getContext("2d"), context].map(
        (each) => each.getImageData(0, 0, shown.width, shown.height).data);
    return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i])), 0);
}"""


def watch(page, wrong):
    """Adds to a list what goes wrong in a page: errors, and requests to other hosts."""
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("request", lambda request: _is_elsewhere(request.url) and wrong.append(request.url))
    return page


def _is_elsewhere(url):
    return url.startswith("http") and not url.startswith(("http://127.0.0.1:", "http://localhost:"))


class Explorer:
    """The page at a URL. Args: a Playwright page; URL of the folder."""

    def __init__(self, page, url):
        self.page, self.url = page, url
        page.set_default_timeout(WAIT)

    def open(self, state=""):
        """Opens the page at a state, as its address has it, and waits for the pictures."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#{state}")
        return self.settle()

    def settle(self):
        """Waits until the page shows what was chosen, and the address says so."""
        self.page.wait_for_function(SETTLED)
        return self

    @property
    def state(self):
        """{key: text} of the address."""
        return dict(part.split("=") for part in self.page.evaluate("location.hash")[1:].split("&"))

    def choose(self, role, name):
        """Clicks on what has a role and a name."""
        self.page.get_by_role(role, name=name, exact=True).click()
        return self.settle()

    def slide(self, selector, value):
        """Moves a slider."""
        self.page.locator(selector).fill(str(value))
        return self.settle()

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def difference(self, selector, rgb):
        """The largest difference, of 255, of a canvas to a picture (H, W, 3) before it is enlarged."""
        height, width, _ = rgb.shape
        values = np.dstack([rgb, np.full((height, width), 255, np.uint8)]).ravel().tolist()
        argument = {"selector": selector, "width": width, "height": height, "values": values}
        return self.page.evaluate(DIFFERENCE, argument)

    def require_pictures(self, spec, image, predicted, contrast="percentile", moved=None, tolerance=3, z=None):
        """Compares the composite and each single structure with those of `figures`.

        Args:
          spec: of the cells.
          image: (..., R or C), the cell itself.
          predicted: (..., K).
          contrast: see `figures.stretch`.
          moved: (..., R), decoded from moved codes in place of the cell's own; the window then holds both.
          tolerance: the largest difference, of 255.
          z: the plane of a volume that is shown, from 1; None: the maximum along z.
        """
        own = spec.plane(spec.reference(image))
        if z is None:
            image, predicted = spec.plane(image), spec.plane(predicted)
        else:
            image, predicted = (figures.stretch(volume, contrast)[z - 1] for volume in (image, predicted))
            contrast = "none"
        names, x_r = spec.structures, spec.reference(image)
        if moved is not None:
            image = x_r = spec.plane(moved)
        where = figures.around_cell(np.maximum(x_r, own))
        assert self.difference("#composite", composite(x_r, predicted, names, contrast, where)) <= tolerance
        panels = [image, *(np.dstack([x_r, predicted[..., k]]) for k in range(len(names)))]
        for i, panel in enumerate(panels):
            rgb = figures.overlay(panel[where], contrast=contrast)
            assert rgb.std() > 5
            assert self.difference(f"#grid figure:nth-child({i + 1}) canvas", rgb) <= tolerance


def composite(x_r, predicted, names, contrast="percentile", where=None):
    """A part of the cell in `figures.composite`, before it is enlarged and without its legend."""
    replaced = {"enlarge": lambda rgb, pixels: rgb, "with_legend": lambda picture, entries: picture}
    if where is not None:
        replaced["around_cell"] = lambda x_r: where
    with mock.patch.multiple(figures, **replaced):
        return figures.composite(x_r, predicted, structures.colors(names), names, contrast)
