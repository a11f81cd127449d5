// Tensors as plain objects: {dims: number[], data: TypedArray}, row-major, channels last.

/** A tensor of float32. Args: values: numbers; dims. */
export function floats(values, dims) {
    return { dims, data: values instanceof Float32Array ? values : Float32Array.from(values) };
}

/** A tensor (n,) of int64. Args: integers, as numbers or BigInt. */
export function integers(values) {
    return { dims: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** (n, count): a 1 at each index. */
export function oneHot(indices, count) {
    const data = new Float32Array(indices.length * count);
    indices.forEach((index, i) => { data[i * count + index] = 1; });
    return { dims: [indices.length, count], data };
}

/** How many values a shape holds. */
export function sizeOf(dims) {
    return dims.reduce((product, size) => product * size, 1);
}

/** A batch of this one alone: (...) -> (1, ...). */
export function batch(tensor) {
    return { dims: [1, ...tensor.dims], data: tensor.data };
}

/** One of a batch, without the batch axis. */
export function row(tensor, i) {
    const [, ...dims] = tensor.dims, size = sizeOf(dims);
    return { dims, data: tensor.data.subarray(i * size, (i + 1) * size) };
}

/** Each row of a batch n times: (B, ...) -> (B * n, ...). */
export function repeat(tensor, n) {
    const [count, ...dims] = tensor.dims, size = sizeOf(dims);
    const data = new tensor.data.constructor(count * n * size);
    for (let i = 0; i < count * n; i++) {
        data.set(row(tensor, Math.floor(i / n)).data, i * size);
    }
    return { dims: [count * n, ...dims], data };
}

/** Mean and standard deviation (of the population) of tensors of equal dims: {mean, std}. */
export function moments(tensors) {
    const [{ dims, data: { length } }] = tensors;
    const mean = new Float32Array(length), std = new Float32Array(length);
    for (let i = 0; i < length; i++) {
        let sum = 0, squares = 0;
        for (const { data } of tensors) {
            sum += data[i];
        }
        const average = sum / tensors.length;
        for (const { data } of tensors) {
            squares += (data[i] - average) ** 2;
        }
        mean[i] = average;
        std[i] = Math.sqrt(squares / tensors.length);
    }
    return { mean: { dims, data: mean }, std: { dims, data: std } };
}

/** Float32Arrays one after the other. */
export function concatenated(parts) {
    const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        values.set(part, at);
        at += part.length;
    }
    return values;
}
