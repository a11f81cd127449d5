// Codes z_r and z_s that were moved, and cells decoded from them.

import { oneHot, repeat, sizeOf } from "./tensors.js";

const PARALLEL = 1e-3; // radians, as icell_tf.inference.latent_space has it
const REACH = 3; // standard deviations of the prior to either side

/**
 * A point on the great circle between two codes, as `icell_tf.inference.latent_space.slerp`: draws of the prior lie
 * near a sphere, and so does what is shown between them. Codes that point the same or opposite ways: the straight line.
 *
 * Args: codes (Z); share of the way, 0 to 1. Returns: Float32Array.
 */
export function slerp(start, end, share) {
    const length = (code) => Math.sqrt(code.reduce((sum, value) => sum + value * value, 0));
    const product = start.reduce((sum, value, i) => sum + value * end[i], 0);
    const lengths = length(start) * length(end);
    const angle = lengths > 0 ? Math.acos(Math.min(1, Math.max(-1, product / lengths))) : 0;
    let weights = [1 - share, share];
    if (Math.min(angle, Math.PI - angle) >= PARALLEL) {
        weights = weights.map((weight) => Math.sin(weight * angle) / Math.sin(angle));
    }
    return Float32Array.from(start, (value, i) => weights[0] * value + weights[1] * end[i]);
}

/**
 * The codes that a state asks for, or null where they are the cell's own.
 *
 * Args: z_r (Z) of the cell; the state; z_r of the cell to walk to, or null. Returns: {z_r, z_s}, Float32Array each.
 */
export function movedCodes(z_r, state, target) {
    const walked = target !== null && state.share > 0;
    if (!walked && state.z_r.size === 0 && state.z_s.size === 0) {
        return null;
    }
    const moved = walked ? slerp(z_r, target, state.share / 100) : Float32Array.from(z_r);
    state.z_r.forEach((value, dimension) => { moved[dimension] = value; });
    const z_s = new Float32Array(z_r.length);
    state.z_s.forEach((value, dimension) => { z_s[dimension] = value; });
    return { z_r: moved, z_s };
}

/** The inputs of `decode` for every structure at one pair of codes. Args: {z_r, z_s}; K. */
export function decodeInputs(codes, count) {
    const row = (code) => repeat({ dims: [1, code.length], data: code }, count);
    return { probabilities: oneHot([...Array(count).keys()], count), z_r: row(codes.z_r), z_s: row(codes.z_s) };
}

/**
 * Takes decoded cells, (K, ..., C), one of each structure, apart.
 *
 * Returns: {reference (..., R), structures (..., K)}. The decoder makes membrane and nucleus anew with each structure,
 * nearly alike; `reference` is their mean.
 */
export function takeApart({ dims, data }) {
    const [count, ...rest] = dims, channels = rest.pop(), pixels = sizeOf(rest), references = channels - 1;
    const reference = new Float32Array(pixels * references), structures = new Float32Array(pixels * count);
    for (let k = 0; k < count; k++) {
        for (let p = 0; p < pixels; p++) {
            const from = (k * pixels + p) * channels;
            for (let r = 0; r < references; r++) {
                reference[p * references + r] += data[from + r] / count;
            }
            structures[p * count + k] = data[from + references];
        }
    }
    return {
        reference: { dims: [...rest, references], data: reference },
        structures: { dims: [...rest, count], data: structures },
    };
}

/** The dimensions of z_r, those first along which cells vary most. Args: codes of the cells; Z. */
export function byVariation(codes, dimensions) {
    const order = [...Array(dimensions).keys()];
    if (codes.length < 2) {
        return order;
    }
    const variance = order.map((d) => {
        const mean = codes.reduce((sum, code) => sum + code[d], 0) / codes.length;
        return codes.reduce((sum, code) => sum + (code[d] - mean) ** 2, 0);
    });
    return order.sort((a, b) => variance[b] - variance[a]);
}

/** The end of a slider that has to hold a value: `REACH`, or the next whole number beyond it. */
export function reach(value) {
    return Math.max(REACH, Math.ceil(Math.abs(value)));
}
