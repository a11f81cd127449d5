// Cells from files: those of explorer.json, and those that `icell integrate` or this page has written.

import { fetchFile } from "./fetch.js";
import { readSafetensors } from "./safetensors.js";
import { readTiff } from "./tiff.js";

const OBSERVED = "observed structure"; // what `icell integrate` calls the channel
const EXPECTED = "Give a file that icell integrate has written in the model's frame.";
const LITTLE_ENDIAN = 0x4949, BIG_ENDIAN = 0x4d4d; // how TIFFs begin
const COMPARED = { // of a spec; a cell's structures don't matter
    format: (spec) => spec.format,
    axes: (spec) => spec.axes,
    shape: (spec) => spec.shape.join(" x "),
    pixel_size: (spec) => spec.pixel_size.map((size) => Number(size.toPrecision(3))).join(" x "),
    channels: (spec) => channelNames(spec).join(", "),
    covariates: (spec) => spec.covariates.map((covariate) => covariate.name).join(", ") || "none",
    preparation: ({ preparation: how }) => `${how.alignment}, ${how.normalization}, version ${how.version}`,
};

/** A file that is no cell for the model. differences: a text for each way in which its spec is another. */
export class CellError extends Error {
    constructor(message, differences = []) {
        super(message);
        this.name = "CellError";
        this.differences = differences;
    }
}

/** A cell of explorer.json: {name, structure, image (...shape, R or C) in [0, 1]}. */
export async function readExample({ name, structure, file }, spec) {
    const response = await fetchFile(file);
    return { ...await readCell(await response.arrayBuffer(), name, spec), name, structure };
}

/** A cell of a file that a user gives, Blob with a name; as readExample. Throws CellError: it doesn't fit the model. */
export async function readFile(file, spec) {
    try {
        return await readCell(await file.arrayBuffer(), file.name, spec);
    } catch (error) {
        throw error instanceof CellError ? error : new CellError(`${file.name}: ${error.message}. ${EXPECTED}`);
    }
}

async function readCell(bytes, name, spec) {
    const start = bytes.byteLength > 1 ? new DataView(bytes).getUint16(0, true) : 0;
    const cell = [LITTLE_ENDIAN, BIG_ENDIAN].includes(start) ? await fromTiff(bytes, spec) : fromSafetensors(bytes);
    if (!cell.spec) {
        throw new CellError(`${name}: it doesn't say how its cell was prepared. ${EXPECTED}`);
    }
    const differences = differencesOf(spec, cell.spec);
    if (differences.length) {
        const found = differences.join("; ");
        throw new CellError(`${name}: its cell is not prepared as the model's cells: ${found}.`, differences);
    }
    const { image, structure } = cell, shape = spec.shape.join();
    const channels = [referenceNames(spec).length, spec.channels.length];
    if (image.dims.slice(0, -1).join() !== shape || !channels.includes(image.dims.at(-1))) {
        const found = image.dims.join(" x ");
        throw new CellError(`${name}: its image has the shape ${found}, which is not that of its description.`);
    }
    if (!image.data.every((value) => value >= 0 && value <= 1)) {
        throw new CellError(`${name}: its values must lie in [0, 1].`);
    }
    return { name: cell.name || name, structure, image };
}

/** A text for each attribute in which a spec is another than the model's. */
function differencesOf(expected, found) {
    return Object.entries(COMPARED)
        .map(([name, text]) => [name, text(expected), text(found)])
        .filter(([, here, there]) => here !== there)
        .map(([name, here, there]) => `${name} ${here} in the model, ${there} in the file`);
}

function fromSafetensors(bytes) {
    const { tensors: { image }, metadata } = readSafetensors(bytes);
    if (!(image?.data instanceof Uint8Array)) {
        throw new Error("it has no tensor image of 8 bits");
    }
    const data = Float32Array.from(image.data, (value) => value / 255);
    const spec = metadata.spec ? JSON.parse(metadata.spec) : null;
    return { name: metadata.name, structure: metadata.structure ?? null, spec, image: { dims: image.dims, data } };
}

/** The reference channels and, if it is there, the structure, of a file that also has what a model found. */
async function fromTiff(bytes, spec) {
    const { name, channels, image, spec: found } = await readTiff(bytes);
    const own = spec.channels.find((channel) => channel.role === "structure").name;
    const observed = [OBSERVED, own].map((wanted) => channels.indexOf(wanted)).find((place) => place >= 0);
    const names = referenceNames(found ?? spec), places = names.map((wanted) => channels.indexOf(wanted));
    if (places.includes(-1)) {
        throw new Error(`its channels are ${channels.join(", ")}, expected ${names.join(", ")}`);
    }
    const all = observed === undefined ? places : [...places, observed];
    return { name, structure: null, spec: found, image: chosen(image, all) };
}

/** Channels of an image, by their numbers. */
function chosen({ dims, data }, places) {
    const count = dims.at(-1), pixels = data.length / count, found = new Float32Array(pixels * places.length);
    for (let pixel = 0; pixel < pixels; pixel++) {
        places.forEach((place, i) => { found[pixel * places.length + i] = data[pixel * count + place]; });
    }
    return { dims: [...dims.slice(0, -1), places.length], data: found };
}

/** The names of all channels of a spec. */
export function channelNames(spec) {
    return spec.channels.map((channel) => channel.name);
}

/** The names of the reference channels of a spec. */
export function referenceNames(spec) {
    return spec.channels.filter((channel) => channel.role === "reference").map((channel) => channel.name);
}

/** x_r of a cell's image: (...shape, R). */
export function reference(image, spec) {
    return chosen(image, referenceNames(spec).map((_, i) => i));
}

/** Whether an image has the structure channel, and not the reference channels alone. */
export function hasStructure(image, spec) {
    return image.dims.at(-1) === spec.channels.length;
}

/** The structure channel of a cell's image: (...shape, 1). */
export function structureOf(image, spec) {
    return chosen(image, [referenceNames(spec).length]);
}
