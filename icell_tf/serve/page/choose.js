// The cells of the page: thumbnails, and the map of z_r.

import { readExample } from "./cellfile.js";
import { $, css, element } from "./dom.js";
import { paintThumbnail } from "./pictures.js";

const UNNAMED = [0.6, 0.6, 0.6]; // the colour of a dot whose structure is not among the model's

/**
 * Makes thumbnails and map.
 *
 * Args: the config; choose: a function of a cell's name; read: a function of a cell's entry to a promise of the cell.
 */
export function prepareCells(config, choose, read) {
    const byName = new Map(config.structures.map((structure) => [structure.name, structure]));
    $("examples").hidden = config.cells.length === 0;
    const given = config.cells.length > config.examples;
    $("public").hidden = !given;
    $("map-details").hidden = config.cells.length < 2;
    $("examples-legend").textContent = given ? `${config.cells.length} cells` : "Examples";
    const painter = new IntersectionObserver((seen) => {
        for (const { target } of seen.filter((entry) => entry.isIntersecting)) {
            painter.unobserve(target);
            const entry = config.cells.find((cell) => cell.name === target.dataset.cell);
            read(entry).then(({ image }) => paintThumbnail(target, image)).catch(() => target.classList.add("missing"));
        }
    }, { rootMargin: "200px" });
    $("thumbnails").replaceChildren(...config.cells.map((cell) => {
        const display = byName.get(cell.structure)?.display ?? cell.structure ?? "";
        const canvas = element("canvas", { dataset: { cell: cell.name }, aria: { hidden: true } });
        painter.observe(canvas);
        const aria = { label: nameOf(cell, display) };
        const input = element("input", { type: "radio", name: "cell", value: cell.name, aria });
        const text = element("span", {}, [display]);
        return element("label", { className: "thumbnail", title: cell.name }, [input, canvas, text]);
    }));
    $("map").replaceChildren(...dots(config, byName));
    for (const place of [$("thumbnails"), $("map")]) {
        place.addEventListener("change", (event) => choose(event.target.value));
    }
}

/** The radio buttons of the map, from left to right, so that the arrow keys go that way. */
function dots({ cells }, byName) {
    const between = (values, value) => (value - Math.min(...values)) / (Math.max(...values) - Math.min(...values) || 1);
    const [xs, ys] = [0, 1].map((axis) => cells.map(({ map }) => map[axis]));
    return cells.toSorted((a, b) => a.map[0] - b.map[0]).map((cell) => {
        const structure = byName.get(cell.structure);
        const label = nameOf(cell, structure?.display ?? cell.structure ?? "");
        const dot = element("input", { type: "radio", name: "dot", value: cell.name, title: label, aria: { label } });
        dot.style.left = `${4 + 92 * between(xs, cell.map[0])}%`;
        dot.style.top = `${96 - 92 * between(ys, cell.map[1])}%`;
        dot.style.setProperty("--color", css(structure?.color ?? UNNAMED));
        return dot;
    });
}

function nameOf(cell, display) {
    return display ? `${cell.name}, ${display}` : cell.name;
}

/** Marks the cell that is shown; none, if it is no cell of the page. */
export function showChosen(state) {
    const name = state.cell.kind === "cell" ? state.cell.name : null;
    for (const input of document.querySelectorAll("#thumbnails input, #map input")) {
        const chosen = input.value === name;
        if (chosen && !input.checked && input.name === "cell") {
            bringIntoView(input.parentElement);
        }
        input.checked = chosen;
    }
}

/** Scrolls the thumbnails, not the page, so that one of them is seen. */
function bringIntoView(thumbnail) {
    const strip = $("thumbnails"), [outer, inner] = [strip, thumbnail].map((part) => part.getBoundingClientRect());
    if (inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom) {
        strip.scrollBy({ left: inner.left - outer.left - 8, top: inner.top - outer.top - 8 });
    }
}

/** A function that reads a cell of the page, each once. Args: the spec. */
export function reader(spec) {
    const cells = new Map();
    return (entry) => {
        if (!cells.has(entry.name)) {
            cells.set(entry.name, readExample(entry, spec));
            cells.get(entry.name).catch(() => cells.delete(entry.name));
        }
        return cells.get(entry.name);
    };
}
