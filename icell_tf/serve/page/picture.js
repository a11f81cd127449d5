// Pictures of cells, as icell_tf/viz/figures.py draws them: images (Y, X, C) in [0, 1] to RGBA, a pixel a pixel.

import { sizeOf } from "./tensors.js";

export const MEMBRANE = [0.6, 0, 0.6], NUCLEUS = [0, 0.6, 0.6], STRUCTURE = [1, 1, 0], WHITE = [1, 1, 1];
export const CONTRASTS = ["none", "max", "percentile"];
const DOMINANCE = 4; // power of a structure's intensity by which its colour is weighted
const GREYS = [1, 0.6]; // of membrane and nucleus under many structures
const PERCENTILE = 0.999;

/** What pictures show of an image: of a volume (Z, Y, X, C) the maximum along z, or a plane, counted from 1: (Y, X, C). */
export function plane({ dims, data }, z = null) {
    if (dims.length === 3) {
        return { dims, data };
    }
    const size = sizeOf(dims.slice(1));
    if (z !== null) {
        return { dims: dims.slice(1), data: data.slice((z - 1) * size, z * size) };
    }
    const found = data.slice(0, size);
    data.forEach((value, i) => { found[i % size] = Math.max(found[i % size], value); });
    return { dims: dims.slice(1), data: found };
}

/** Images beside each other along their channels. */
export function join(images) {
    const counts = images.map(({ dims }) => dims.at(-1)), count = counts.reduce((sum, each) => sum + each, 0);
    const pixels = images[0].data.length / counts[0], data = new Float32Array(pixels * count);
    let start = 0;
    images.forEach((image, i) => {
        for (let pixel = 0; pixel < pixels; pixel++) {
            for (let c = 0; c < counts[i]; c++) {
                data[pixel * count + start + c] = image.data[pixel * counts[i] + c];
            }
        }
        start += counts[i];
    });
    return { dims: [...images[0].dims.slice(0, -1), count], data };
}

/** The k-th channel of an image, (..., 1). */
export function channel({ dims, data }, k) {
    const count = dims.at(-1), values = new Float32Array(data.length / count);
    for (let pixel = 0; pixel < values.length; pixel++) { // a loop, because sliders wait for it
        values[pixel] = data[pixel * count + k];
    }
    return { dims: [...dims.slice(0, -1), 1], data: values };
}

/** The square around the cell, {top, left, height, width}: a cell may fill little of its frame. */
export function aroundCell({ dims: [rows, columns, count], data }, margin = 0.1) {
    const seen = new Float32Array(rows * columns);
    for (let pixel = 0; pixel < seen.length; pixel++) {
        const at = pixel * count;
        seen[pixel] = count > 1 ? Math.max(data[at], data[at + 1]) : data[at]; // membrane and nucleus
    }
    const threshold = 0.1 * seen.reduce((a, b) => Math.max(a, b), 0);
    const low = [rows, columns], high = [0, 0];
    seen.forEach((value, i) => {
        if (value > threshold) {
            const y = Math.floor(i / columns), x = i % columns;
            low[0] = Math.min(low[0], y);
            low[1] = Math.min(low[1], x);
            high[0] = Math.max(high[0], y + 1);
            high[1] = Math.max(high[1], x + 1);
        }
    });
    if (!high[0]) {
        return { top: 0, left: 0, height: rows, width: columns };
    }
    const side = Math.ceil((1 + 2 * margin) * Math.max(high[0] - low[0], high[1] - low[1]));
    const sides = [Math.min(side, rows), Math.min(side, columns)];
    const [top, left] = sides.map((each, axis) => {
        const start = Math.floor((low[axis] + high[axis] - each) / 2);
        return Math.min(Math.max(start, 0), [rows, columns][axis] - each);
    });
    return { top, left, height: sides[0], width: sides[1] };
}

/** A part of an image (Y, X, C). */
export function cut({ dims: [, columns, count], data }, { top, left, height, width }) {
    const found = new Float32Array(height * width * count);
    for (let y = 0; y < height; y++) {
        const start = ((top + y) * columns + left) * count;
        found.set(data.subarray(start, start + width * count), y * width * count);
    }
    return { dims: [height, width, count], data: found };
}

/** Scales each channel: "none" clips, "max" divides by the highest value, "percentile" by the 99.9th percentile. */
export function stretch({ dims, data }, contrast = "none") {
    const count = dims.at(-1);
    const tops = Array.from({ length: count }, (_, c) => topOf({ dims, data }, c, contrast));
    const stretched = new Float32Array(data.length);
    for (let i = 0, c = 0; i < data.length; i++, c = c + 1 === count ? 0 : c + 1) {
        stretched[i] = Math.min(Math.max(data[i] / tops[c], 0), 1);
    }
    return { dims, data: stretched };
}

/** What a channel is divided by; never 0. */
function topOf(image, c, contrast) {
    if (contrast === "none") {
        return 1;
    }
    const { data } = channel(image, c), highest = data.reduce((a, b) => Math.max(a, b), 0) || 1;
    return (contrast === "percentile" && percentile(data, PERCENTILE)) || highest;
}

/** As numpy.percentile: between two values in proportion. Only the largest are put in order, because few are needed. */
function percentile(values, share) {
    const place = share * (values.length - 1), below = Math.floor(place);
    const largest = new Float32Array(values.length - below).fill(-Infinity);
    for (const value of values) {
        let i = 0;
        if (value > largest[0]) {
            for (; i + 1 < largest.length && largest[i + 1] < value; i++) {
                largest[i] = largest[i + 1];
            }
            largest[i] = value;
        }
    }
    return largest[0] + (place - below) * (largest[Math.min(1, largest.length - 1)] - largest[0]);
}

/** Blends channels, each in its colour, by screening: 1 - prod(1 - channel * colour). opacity: a number each. */
export function overlay(image, colors = [MEMBRANE, NUCLEUS, STRUCTURE], contrast = "none", opacity = null) {
    const { dims: [height, width, count], data } = stretch(image, contrast);
    return picture(height, width, (pixel, rgb) => {
        rgb.fill(1);
        for (let c = 0; c < count; c++) {
            const strength = data[pixel * count + c] * (opacity ? opacity[c] : 1);
            for (let i = 0; i < 3; i++) {
                rgb[i] *= 1 - strength * colors[c][i];
            }
        }
        for (let i = 0; i < 3; i++) {
            rgb[i] = 1 - rgb[i];
        }
    });
}

/**
 * One cell with every structure in its own colour, over membrane and nucleus in greys; of masks the outlines.
 *
 * A pixel has the colours' mean, weighted by the structures' intensities to the power of DOMINANCE, and the strongest's
 * intensity. x_r (Y, X, R), structures (Y, X, K), colors: K. opacity: K numbers in [0, 1]. where: the part shown.
 */
export function composite(x_r, structures, colors, options = {}) {
    const { contrast = "percentile", opacity = null, where = aroundCell(x_r), referenceStrength = 0.35 } = options;
    const grey = cut(greyOf(x_r, contrast), where);
    const { dims: [height, width, count], data } = cut(stretch(structures, contrast), where);
    const strength = new Float64Array(count), weight = new Float64Array(count), flat = Float64Array.from(colors.flat());
    return picture(height, width, (pixel, rgb) => {
        let total = 1e-12, strongest = 0;
        for (let k = 0; k < count; k++) {
            strength[k] = data[pixel * count + k] * (opacity ? opacity[k] : 1);
            weight[k] = strength[k] ** DOMINANCE;
            total += weight[k];
            strongest = Math.max(strongest, strength[k]);
        }
        rgb.fill(0);
        for (let k = 0; k < count; k++) {
            const share = weight[k] / total * strongest;
            for (let i = 0; i < 3; i++) {
                rgb[i] += share * flat[3 * k + i];
            }
        }
        const under = Math.min(referenceStrength * grey.data[pixel], 1);
        for (let i = 0; i < 3; i++) {
            rgb[i] = 1 - (1 - rgb[i]) * (1 - under);
        }
    });
}

/** Membrane and nucleus as one channel of greys, (Y, X, 1). */
function greyOf(x_r, contrast) {
    const stretched = stretch(x_r, contrast), [height, width, count] = stretched.dims;
    const data = new Float32Array(height * width);
    for (let c = 0; c < count; c++) {
        const grey = GREYS[Math.min(c, GREYS.length - 1)];
        outlinedMask(channel(stretched, c)).forEach((value, pixel) => { data[pixel] += value * grey; });
    }
    return { dims: [height, width, 1], data };
}

/** A channel that is a filled mask as its outline, because its grey would hide colours; any other as it is. */
function outlinedMask({ dims: [height, width], data }) {
    const highest = data.reduce((a, b) => Math.max(a, b), 0);
    const inside = data.map((value) => Number(value > 0.5 * highest));
    const full = data.reduce((sum, value) => sum + (value === highest ? 1 : 0), 0);
    if (2 * full < inside.reduce((sum, value) => sum + value, 0)) {
        return data;
    }
    const outside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && !inside[y * width + x];
    return inside.map((value, i) => {
        const y = Math.floor(i / width), x = i % width;
        return Number(value && (outside(y - 1, x) || outside(y + 1, x) || outside(y, x - 1) || outside(y, x + 1)));
    });
}

/** {width, height, data: RGBA}. paint(pixel, rgb) puts a pixel's colour, in [0, 1], into rgb. */
function picture(height, width, paint) {
    const data = new Uint8ClampedArray(height * width * 4), rgb = new Float64Array(3);
    for (let pixel = 0; pixel < height * width; pixel++) {
        paint(pixel, rgb);
        for (let i = 0; i < 3; i++) {
            data[pixel * 4 + i] = 255 * rgb[i]; // which rounds and clips
        }
        data[pixel * 4 + 3] = 255;
    }
    return { width, height, data };
}
