// The noise of draws, as icell_tf/inference/noise.py makes it: a seed draws the same here, on a server and in `icell`.
//
// Random numbers are TensorFlow's: tf.random.stateless_normal, which is Philox 4x32-10 (Salmon et al. 2011) and
// Box-Muller, with a key and a counter that it scrambles from the pair of seeds.

import { concatenated, floats, integers, sizeOf } from "./tensors.js";

const X_R = -1n, Z_R = 0n, Z_S = 1n; // salts: what a draw is for
const OF_REFERENCE = "r_", OF_STRUCTURE = "s_"; // what the names of the generators' maps begin with
const SCRAMBLE = [0x3ec8f720, 0x02461e29]; // TensorFlow's key for pairs of seeds
const ROUNDS = 10;
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57], INCREMENTS = [0x9e3779b9, 0xbb67ae85]; // Philox'
const SMALLEST = Math.fround(1e-7); // so that the logarithm of a uniform number is finite

/** The noise of a function that draws. inputs: {y, seed, draw} as it takes them; shapes: {name: of one row}. */
export function noise(name, inputs, shapes, structures) {
    const seeds = Array.from(inputs.seed.data);
    const draws = inputs.draw ? Array.from(inputs.draw.data) : seeds.map(() => 0n);
    const y = name === "integrate_draw" ? null : Array.from(inputs.y.data);
    const rows = seeds.map((seed, i) => rowOf(name, shapes, BigInt(structures), seed, draws[i], y && y[i]));
    const joined = (part) => [rows.length, ...shapes[part]];
    return Object.fromEntries(Object.keys(shapes).map((part) => [part, part === "pose"
        ? integers(rows.map((row) => row.pose))
        : floats(concatenated(rows.map((row) => row[part])), joined(part))]));
}

/** tf.random.stateless_normal([size], [seed, salt]). Seeds: BigInt, or integers, of which the low 64 bits count. */
export function normal(seed, salt, size) {
    const [key, counter] = scrambled(BigInt(seed), BigInt(salt));
    const values = new Float32Array(Math.ceil(size / 4) * 4);
    const block = new Uint32Array(4);
    for (let i = 0; i < values.length; i += 4) {
        block.set(counter);
        philox(block, key);
        boxMuller(block[0], block[1], values, i);
        boxMuller(block[2], block[3], values, i + 2);
        counter[0] += 1; // wraps, as the array holds 32 bits
        counter[1] += counter[0] === 0 ? 1 : 0;
    }
    return values.subarray(0, size);
}

/** One row of each part of the noise: {name: Float32Array, pose: BigInt}. */
function rowOf(name, shapes, structures, seed, draw, y) {
    const row = {}, salt = 2n * draw + Z_S;
    if (shapes.z_r_prior) {
        row.z_r_prior = normal(seed, Z_R, sizeOf(shapes.z_r_prior));
        split(row, withPrefix(shapes, OF_REFERENCE), seed, X_R);
    }
    if (shapes.z_s_prior) {
        row.z_s_prior = normal(seed, salt, sizeOf(shapes.z_s_prior));
        return row;
    }
    const maps = withPrefix(shapes, OF_STRUCTURE);
    if (name === "integrate_draw") {
        splitEach(row, maps, seed, salt * structures, Number(structures));
    } else {
        split(row, maps, seed, salt * structures + y);
    }
    row.pose = BigInt.asIntN(64, seed + draw);
    return row;
}

/** Puts maps of one draw into a row. */
function split(row, shapes, seed, salt) {
    const names = Object.keys(shapes), sizes = names.map((name) => sizeOf(shapes[name]));
    const values = normal(seed, salt, sizes.reduce((sum, size) => sum + size, 0));
    let start = 0;
    names.forEach((name, i) => { row[name] = values.subarray(start, start += sizes[i]); });
}

/** As `split`, for every structure: maps (K, ...), each from a salt of its own. */
function splitEach(row, shapes, seed, salt, structures) {
    const own = Object.fromEntries(Object.entries(shapes).map(([name, [, ...shape]]) => [name, shape]));
    const each = Array.from({ length: structures }, (_, y) => {
        const maps = {};
        split(maps, own, seed, salt + BigInt(y));
        return maps;
    });
    Object.keys(shapes).forEach((name) => { row[name] = concatenated(each.map((maps) => maps[name])); });
}

/** Returns the key and the counter that TensorFlow makes of a pair of seeds. */
function scrambled(seed, salt) {
    const mixed = Uint32Array.of(...words(seed), ...words(salt));
    philox(mixed, SCRAMBLE);
    return [[mixed[0], mixed[1]], Uint32Array.of(0, 0, mixed[2], mixed[3])];
}

/** The low and the high 32 bits of an integer of 64. */
function words(seed) {
    const bits = BigInt.asUintN(64, seed);
    return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

/** Philox 4x32-10: replaces a counter, Uint32Array(4), by its block of random bits. */
function philox(block, [key0, key1]) {
    for (let round = 0; round < ROUNDS; round++) {
        const [c0, c1, c2, c3] = block;
        block[0] = high(MULTIPLIERS[1], c2) ^ c1 ^ key0;
        block[1] = Math.imul(MULTIPLIERS[1], c2);
        block[2] = high(MULTIPLIERS[0], c0) ^ c3 ^ key1;
        block[3] = Math.imul(MULTIPLIERS[0], c0);
        key0 = (key0 + INCREMENTS[0]) >>> 0;
        key1 = (key1 + INCREMENTS[1]) >>> 0;
    }
}

/** The high 32 bits of the product of two numbers of 32, in halves, because a number has only 53 bits. */
function high(a, b) {
    const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
    const middle = a1 * b0 + Math.floor((a0 * b0) / 0x10000);
    const rest = a0 * b1 + (middle % 0x10000);
    return a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(rest / 0x10000);
}

/** Two random numbers of 32 bits to two of N(0, 1), rounded where TensorFlow's float32 is. */
function boxMuller(x0, x1, values, at) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(Math.max(uniform(x0), SMALLEST))))));
    const angle = Math.fround(2 * Math.PI * uniform(x1));
    values[at] = Math.fround(Math.sin(angle)) * radius;
    values[at + 1] = Math.fround(Math.cos(angle)) * radius;
}

/** The low 23 bits as a number in [0, 1). */
function uniform(bits) {
    return (bits & 0x7fffff) / 0x800000;
}

function withPrefix(shapes, prefix) {
    return Object.fromEntries(Object.entries(shapes).filter(([name]) => name.startsWith(prefix)));
}
