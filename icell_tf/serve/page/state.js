// What a person has chosen, and how it stands in the page's address: #cell=NAME&view=draw&draw=3 ...
//
// Only what differs from the beginning is written, so that addresses stay short. Dimensions of codes count from 1.

import { CONTRASTS } from "./picture.js";
import { depthOf } from "./pictures.js";

export const VIEWS = ["typical", "draw", "spread"];
export const DRAWS = [4, 8, 16, 32];
export const MOST_DRAWS = 1000;

/** The state at the beginning: the first cell, or a new one where the page has no cells. */
export function initial(config) {
    const [first] = config.cells;
    return {
        cell: first ? { kind: "cell", name: first.name } : { kind: "new", structure: config.structures[0].name },
        view: "typical",
        draw: 1, // of the seed, from 1
        draws: 8, // of which the spread is shown
        seed: 0,
        locked: false,
        contrast: "percentile",
        z: null, // the plane of a volume that is shown, from 1; null: the maximum along z
        hidden: new Set(), // names of structures that the composite leaves out
        opacity: new Map(), // name of a structure -> percent; 100 where it is missing
        to: null, // name of the cell to walk to
        share: 0, // of the way, in percent
        z_r: new Map(), // dimension from 0 -> value that it was moved to
        z_s: new Map(),
    };
}

/** Text for the address. Args: a state; the config. */
export function write(state, config) {
    const begin = initial(config), { cell } = state;
    const parts = [[cell.kind, cell.kind === "new" ? cell.structure : cell.name]];
    for (const key of ["view", "draw", "draws", "seed", "contrast", "z", "to"]) {
        parts.push([key, state[key] === begin[key] ? "" : state[key]]);
    }
    parts.push(["share", state.to === null || state.share === 0 ? "" : state.share]);
    parts.push(["lock", state.locked ? 1 : ""]);
    parts.push(["hide", [...state.hidden]]);
    parts.push(["opacity", [...state.opacity].map(([name, percent]) => [name, percent])]);
    for (const code of ["z_r", "z_s"]) {
        parts.push([code, [...state[code]].map(([dimension, value]) => [dimension + 1, value.toFixed(2)])]);
    }
    const textOf = (value) => (Array.isArray(value) ? value.map(asText).join(",") : encode(value));
    const written = parts.map(([key, value]) => [key, textOf(value)]);
    return "#" + written.filter(([, text]) => text).map(([key, text]) => `${key}=${text}`).join("&");
}

function asText(item) {
    return Array.isArray(item) ? item.map(encode).join(":") : encode(item);
}

function encode(value) {
    return encodeURIComponent(value).replaceAll("%20", "+");
}

/**
 * Reads an address.
 *
 * Args: hash: text, with or without #; the config.
 * Returns: {state, problems}: what can be read, and a sentence for each part that can't.
 */
export function read(hash, config) {
    const state = initial(config), problems = [];
    const known = new Set(config.structures.map((structure) => structure.name));
    const cells = new Set(config.cells.map((cell) => cell.name));
    const dimensions = config.model.description.latent_dim;

    const readers = {
        cell: (text) => set("cell", cells.has(text) && { kind: "cell", name: text }),
        new: (text) => set("cell", known.has(text) && { kind: "new", structure: text }),
        file: (text) => set("cell", { kind: "file", name: text }),
        view: (text) => set("view", VIEWS.includes(text) && text),
        draw: (text) => set("draw", within(text, 1, MOST_DRAWS)),
        draws: (text) => set("draws", DRAWS.includes(Number(text)) && Number(text)),
        seed: (text) => set("seed", within(text, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
        lock: (text) => set("locked", text === "1"),
        contrast: (text) => set("contrast", CONTRASTS.includes(text) && text),
        z: (text) => set("z", within(text, 1, depthOf(config.model.description.spec))),
        to: (text) => set("to", cells.has(text) && text),
        share: (text) => set("share", within(text, 0, 100)),
        hide: (text, raw) => each(raw, ([name]) => known.has(name) && state.hidden.add(name)),
        opacity: (text, raw) => each(raw, ([name, percent]) => {
            const value = within(percent, 0, 100);
            return known.has(name) && value !== false && state.opacity.set(name, value);
        }),
        z_r: (text, raw) => each(raw, (pair) => code(state.z_r, pair)),
        z_s: (text, raw) => each(raw, (pair) => code(state.z_s, pair)),
    };
    const set = (key, value) => {
        if (value !== false) {
            state[key] = value;
        }
        return value !== false;
    };
    const each = (raw, take) => raw.split(",").map((part) => take(part.split(":").map(decode))).every(Boolean);
    const code = (values, [dimension, value]) => {
        const index = within(dimension, 1, dimensions), number = Number(value);
        return index !== false && value && Number.isFinite(number) && values.set(index - 1, number);
    };

    for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
        const [key, raw = ""] = part.split(/=(.*)/s);
        if (!Object.hasOwn(readers, key) || !readers[key](decode(raw), raw)) {
            problems.push(`The address says ${decode(part)}, which this page or this model lacks: it is left out.`);
        }
    }
    return { state, problems };
}

/** An integer in a range, or false. */
function within(text, low, high) {
    const value = /^-?\d+$/.test(text ?? "") ? Number(text) : NaN;
    return value >= low && value <= high ? value : false;
}

function decode(text) {
    try {
        return decodeURIComponent(text.replaceAll("+", " "));
    } catch {
        return text; // a broken % sequence
    }
}
