// Draws a scene: the composite, and each structure in the cell.

import { $, css, element } from "./dom.js";
import { aroundCell, channel, composite, cut, join, overlay, plane, stretch } from "./picture.js";

const COMPOSITE_PIXELS = 768, PANEL_PIXELS = 256; // canvases are at least this large, so that they stay smooth
const BAR_LENGTHS = [1000, 500, 200, 100, 50, 20, 10, 5, 2, 1]; // um, as icell_tf.viz.panels
const BAR_SHARE = 0.45;

/** Shows a picture on a canvas, enlarged smoothly by a whole factor. */
export function paint(canvas, picture, pixels) {
    const { width, height } = picture;
    const small = new OffscreenCanvas(width, height);
    small.getContext("2d").putImageData(new ImageData(picture.data, width, height), 0, 0);
    const factor = Math.max(1, Math.ceil(pixels / Math.min(width, height)));
    canvas.width = width * factor;
    canvas.height = height * factor;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** A cell as a small picture. Args: canvas; image (..., R or C). */
export function paintThumbnail(canvas, image) {
    const flat = plane(image);
    const where = aroundCell(flat);
    paint(canvas, overlay(cut(flat, where), undefined, "percentile"), 144);
}

/**
 * The part of the frame that is shown: the square around the cell. Where codes are moved, around the cell that they
 * began with, too, so that the picture does not jump.
 */
function windowOf(scene, subject) {
    const shown = plane(scene.reference);
    if (!scene.moved) {
        return aroundCell(shown);
    }
    const own = plane(subject.x_r);
    return aroundCell({ dims: shown.dims, data: shown.data.map((value, i) => Math.max(value, own.data[i])) });
}

/** The scale bar for so many um: {length in um, share of the picture's width}. */
export function scaleBar(extent) {
    const length = BAR_LENGTHS.find((each) => each <= BAR_SHARE * extent) ?? BAR_LENGTHS.at(-1);
    return { length, share: length / extent };
}

/**
 * The pictures of a scene, not enlarged.
 *
 * Returns: {composite, panels: [{name, label, picture}], extent: um along x}; the first panel is the cell itself.
 */
export function picturesOf(scene, subject, state, config) {
    const { structures, model: { description: { spec } } } = config;
    const where = windowOf(scene, subject);
    const { z } = state, contrast = z === null ? state.contrast : "none";
    const flat = (image) => plane(z === null ? image : stretch(image, state.contrast), z); // one brightness for all planes
    const x_r = flat(scene.reference), predicted = flat(scene.structures);
    const opacity = structures.map(({ name }) => (state.hidden.has(name) ? 0 : (state.opacity.get(name) ?? 100) / 100));
    const colors = structures.map(({ color }) => color);
    const all = composite(x_r, predicted, colors, { contrast, opacity, where });
    const small = cut(x_r, where), cell = cut(scene.moved ? x_r : flat(subject.image), where);
    const panels = [{ name: "", label: ownLabel(scene, subject, config), picture: overlay(cell, undefined, contrast) }];
    structures.forEach(({ name, display }, k) => {
        const picture = overlay(join([small, cut(channel(predicted, k), where)]), undefined, contrast);
        panels.push({ name, label: display, picture });
    });
    return { composite: all, panels, extent: where.width * spec.pixel_size.at(-1) };
}

/** What the panel of the cell itself is called. */
function ownLabel(scene, subject, config) {
    if (scene.moved) {
        return "decoded outlines";
    }
    const labelled = config.structures.find(({ name }) => name === subject.structure);
    const what = subject.kind === "new" ? "new cell" : "observed";
    return subject.labelled && labelled ? `${what}: ${labelled.display}` : what;
}

/** Makes the panels' places, once. Args: the config. */
export function prepareGrid(config) {
    const places = [{ name: "" }, ...config.structures];
    $("grid").replaceChildren(...places.map(({ name, color, description }) => {
        const what = element("span", { className: "what" }), more = element("small", {}, [description ?? ""]);
        const caption = element("figcaption", {}, color ? [swatch(color), what, more] : [what, more]);
        const parts = [element("canvas", { role: "img" }), caption];
        return element("figure", { dataset: { structure: name } }, parts);
    }));
}

/** A square in a structure's colour. */
export function swatch(color) {
    const made = element("span", { className: "swatch", aria: { hidden: true } });
    made.style.backgroundColor = css(color);
    return made;
}

/** Draws a scene into the page. Returns: what `picturesOf` returns. */
export function draw(scene, subject, state, config) {
    const pictures = picturesOf(scene, subject, state, config);
    paint($("composite"), pictures.composite, COMPOSITE_PIXELS);
    paint($("mini"), pictures.composite, PANEL_PIXELS);
    $("composite").setAttribute("aria-label", describe(scene, subject, state, config));
    [...$("grid").children].forEach((figure, i) => {
        const { label, picture, name } = pictures.panels[i], canvas = figure.querySelector("canvas");
        paint(canvas, picture, PANEL_PIXELS);
        const predicted = `${label} in ${subject.name}: ${KINDS[scene.shown]}`;
        canvas.setAttribute("aria-label", name ? predicted : `${label}, ${subject.name}`);
        figure.querySelector(".what").textContent = label;
    });
    const { length, share } = scaleBar(pictures.extent);
    document.querySelector(".scale-text").textContent = `${length} µm`;
    document.querySelector(".scale-bar").style.width = `${100 * share}%`;
    return pictures;
}

export const KINDS = {
    typical: "typical localization",
    draw: "one draw",
    spread: "spread of draws",
    moved: "decoded from codes",
};

/** The text in place of the large picture. */
function describe(scene, subject, state, config) {
    const seen = config.structures.filter(({ name }) => !state.hidden.has(name)).map(({ display }) => display);
    return `${KINDS[scene.shown]} in ${subject.name}: ${["membrane", "nucleus", ...seen].join(", ")}, each in its colour`;
}

/** How many planes a cell of a spec has; 0 if it is a plane itself. */
export function depthOf({ axes, shape }) {
    return axes.startsWith("Z") ? shape[0] : 0;
}

/** What the pictures show of a volume; "" of a plane. Args: the state; the spec. */
export function describeDepth({ z }, spec) {
    const depth = depthOf(spec);
    if (!depth) {
        return "";
    }
    if (z === null) {
        return "The maximum along z is shown.";
    }
    const place = (z - (depth + 1) / 2) * spec.pixel_size[0];
    return `Plane ${z} of ${depth} is shown, z = ${place.toFixed(1)} µm from the middle.`;
}

/** The sentence below the large picture. Args: the scene; the state; whether the model's draws are sharp. */
export function caption(scene, state, sharp) {
    return {
        typical: "Typical: where the model expects each structure in a cell of this shape. It is blurred where a structure "
            + "can lie in many places.",
        draw: `Draw ${state.draw} of seed ${state.seed}: one way in which the structures can lie in this cell. Another draw `
            + "is as likely.",
        spread: `Spread: the standard deviation of ${state.draws} draws. It is bright where draws differ: there the shape `
            + "leaves open whether the structure lies there.",
        moved: "Decoded: the cell that the model makes of the codes alone, with its typical structures. " + (sharp
            ? "Decoded pictures are smooth. Sharp draws are made for a picture of a cell, not for codes."
            : "Draws are made for a picture of a cell, not for codes."),
    }[scene.shown];
}
