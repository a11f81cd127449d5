// Files of safetensors: the length of a header, the header in JSON, and the numbers, little-endian as in browsers.

const TYPES = {
    F32: Float32Array, F64: Float64Array, I64: BigInt64Array, I32: Int32Array, U8: Uint8Array, BOOL: Uint8Array,
};
const LENGTH = 8; // bytes of the header's length

/** Returns {tensors: {name: tensor}, metadata: {text: text}}. Args: ArrayBuffer. Throws Error: it is no such file. */
export function readSafetensors(bytes) {
    const length = bytes.byteLength < LENGTH ? NaN : Number(new DataView(bytes).getBigUint64(0, true));
    if (!(length <= bytes.byteLength - LENGTH)) {
        throw new Error("it is no file of safetensors, or is cut short");
    }
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, LENGTH, length)));
    const { __metadata__: metadata = {}, ...described } = header;
    const tensors = {};
    for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(described)) {
        const Type = TYPES[dtype];
        if (!Type) {
            throw new Error(`${name} has the type ${dtype}, expected one of ${Object.keys(TYPES).join(", ")}`);
        }
        if (LENGTH + length + end > bytes.byteLength) {
            throw new Error("it is cut short");
        }
        const from = LENGTH + length;
        tensors[name] = { dims: shape, data: new Type(bytes.slice(from + start, from + end)) };
    }
    return { tensors, metadata };
}

/** Returns the bytes of such a file, Uint8Array. Args: {name: tensor}; {text: text}. */
export function writeSafetensors(tensors, metadata = {}) {
    const header = { __metadata__: metadata }, parts = [];
    let at = 0;
    // The largest numbers first: each then starts at a multiple of its size.
    const ordered = Object.entries(tensors).sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
    for (const [name, { dims, data }] of ordered) {
        const [dtype] = Object.entries(TYPES).find(([, Type]) => data instanceof Type);
        header[name] = { dtype, shape: dims, data_offsets: [at, at += data.byteLength] };
        parts.push(data);
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const encoded = new Uint8Array(Math.ceil(text.length / LENGTH) * LENGTH).fill(" ".charCodeAt());
    encoded.set(text); // and spaces, so that the numbers start at a multiple of 8
    const file = new Uint8Array(LENGTH + encoded.length + at);
    new DataView(file.buffer).setBigUint64(0, BigInt(encoded.length), true);
    file.set(encoded, LENGTH);
    let start = LENGTH + encoded.length;
    for (const { buffer, byteOffset, byteLength } of parts) {
        file.set(new Uint8Array(buffer, byteOffset, byteLength), start);
        start += byteLength;
    }
    return file;
}
