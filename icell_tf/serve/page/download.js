// What is shown, as files: a PNG, and an OME-TIFF with the numbers.

import { referenceNames, structureOf } from "./cellfile.js";
import { css, element } from "./dom.js";
import { join } from "./picture.js";
import { caption, describeDepth, paint, scaleBar } from "./pictures.js";
import { writeTiff } from "./tiff.js";

const LARGE = 768, PANEL = 160, COLUMNS = 6, GAP = 8, LINE = 24, LEGEND = 232, MARGIN = 16;
const INK = "#f2f2f2", QUIET = "#a8a8a8", FONT = "system-ui, sans-serif";

/** Gives a file to the person. Args: parts of a Blob; its type; its name. */
function save(parts, type, name) {
    const url = URL.createObjectURL(new Blob(parts, { type }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Saves the pictures as they are shown, with names, legend and scale bar. Args: of `picturesOf`, and what it returns. */
export async function savePng(pictures, scene, subject, state, config) {
    const rows = Math.ceil(pictures.panels.length / COLUMNS);
    const large = element("canvas"), small = element("canvas"), whole = element("canvas");
    paint(large, pictures.composite, LARGE);
    const scale = LARGE / Math.max(large.width, large.height);
    const [width, height] = [large.width * scale, large.height * scale];
    whole.width = Math.max(width + LEGEND, COLUMNS * (PANEL + GAP)) + 2 * MARGIN;
    whole.height = 2 * MARGIN + 2 * LINE + height + rows * (PANEL + LINE + GAP) + GAP;
    const context = whole.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#000";
    context.fillRect(0, 0, whole.width, whole.height);
    context.drawImage(large, MARGIN, MARGIN + LINE, width, height);
    write(context, subject.name, MARGIN, MARGIN, `600 16px ${FONT}`, INK);
    const text = `${shortCaption(scene, state)} ${describeDepth(state, config.model.description.spec)}`;
    write(context, text, MARGIN, MARGIN + LINE + height + GAP, `13px ${FONT}`, QUIET);
    bar(context, pictures.extent, MARGIN, MARGIN + LINE, width, height);
    config.structures.filter(({ name }) => !state.hidden.has(name)).forEach(({ display, color, name }, i) => {
        const x = MARGIN + width + 16, y = MARGIN + LINE + i * LINE, opacity = state.opacity.get(name) ?? 100;
        context.fillStyle = css(color);
        context.fillRect(x, y, 14, 14);
        write(context, opacity === 100 ? display : `${display}, ${opacity} %`, x + 24, y, `14px ${FONT}`, INK);
    });
    pictures.panels.forEach(({ label, picture }, i) => {
        const x = MARGIN + (i % COLUMNS) * (PANEL + GAP);
        const y = MARGIN + 2 * LINE + height + GAP + Math.floor(i / COLUMNS) * (PANEL + LINE + GAP);
        paint(small, picture, PANEL);
        const fit = PANEL / Math.max(small.width, small.height);
        context.drawImage(small, x, y, small.width * fit, small.height * fit);
        write(context, label, x, y + PANEL + 4, `13px ${FONT}`, INK);
    });
    const blob = await new Promise((resolve) => whole.toBlob(resolve, "image/png"));
    save([blob], "image/png", `${fileName(scene, subject, state)}.png`);
}

/** The first sentence of the caption. */
function shortCaption(scene, state) {
    return caption(scene, state, true).split(/(?<=[.:]) (?=[A-Z])/)[0];
}

function write(context, text, x, y, font, color) {
    Object.assign(context, { font, fillStyle: color, textAlign: "left", textBaseline: "top" });
    context.fillText(text, x, y);
}

function bar(context, extent, left, top, width, height) {
    const { length, share } = scaleBar(extent), right = left + width - 20, bottom = top + height - 20;
    context.fillStyle = "#fff";
    context.fillRect(right - share * width, bottom - 5, share * width, 5);
    Object.assign(context, { font: `14px ${FONT}`, textAlign: "center", textBaseline: "bottom" });
    context.fillText(`${length} µm`, right - (share * width) / 2, bottom - 9);
}

/** Saves membrane, nucleus and the structures as they are shown, float32 in [0, 1], with names and pixel size. */
export function saveTiff(scene, subject, state, config) {
    const { spec } = config.model.description;
    const suffixes = { typical: "", moved: "", draw: ` draw ${state.draw}`, spread: ` std of ${state.draws}` };
    const suffix = suffixes[scene.shown];
    const channels = [...referenceNames(spec), ...config.structures.map(({ name }) => name + suffix)];
    const images = [scene.reference, scene.structures];
    if (!scene.moved && subject.labelled) {
        channels.push("observed structure");
        images.push(structureOf(subject.image, spec));
    }
    const image = join(images);
    const bytes = writeTiff({ name: subject.name, channels, image, pixelSize: spec.pixel_size, spec });
    save([bytes], "image/tiff", `${fileName(scene, subject, state)}.ome.tif`);
}

function fileName(scene, subject, state) {
    const what = {
        typical: "typical",
        moved: "moved",
        draw: `draw-${state.draw}-seed-${state.seed}`,
        spread: `spread-of-${state.draws}`,
    }[scene.shown];
    return `${subject.name}_${what}`.replace(/[^\p{L}\p{N}._-]+/gu, "-");
}
