// The model on a server, by TensorFlow Serving's REST API: in binary form where the server takes it, else in JSON.

import { readSafetensors, writeSafetensors } from "./safetensors.js";

const BINARY = "application/x-safetensors";
// TensorFlow Serving names an output only if there are several.
const ONLY_OUTPUT = { encode_reference: "z_r", reconstruct: "x_rs_hat", decode: "x_rs_hat", draw: "structure" };

/** Opens the server's model; see openModel. */
export async function openServer(config) {
    const url = `${config.predict}:predict`;
    return {
        call: async (name, inputs) => outputsOf(name, await send(url, request(config, name, inputs))),
        ...(config.upload ? { upload } : {}),
    };
}

function request(config, name, inputs) {
    if (config.binary) {
        const body = writeSafetensors(inputs, { signature_name: name });
        return { body, headers: { "Content-Type": BINARY, Accept: BINARY } };
    }
    const columns = Object.entries(inputs).map(([key, tensor]) => `${JSON.stringify(key)}:${jsonOf(tensor)}`);
    const body = `{"signature_name":${JSON.stringify(name)},"inputs":{${columns.join(",")}}}`;
    return { body, headers: { "Content-Type": "application/json", Accept: "application/json" } };
}

/** Sends a stack as it comes from the microscope; fields are those of `icell integrate`'s flags. */
async function upload(stack, fields = {}, segmentation = null) {
    const body = new FormData();
    body.append("stack", stack, stack.name);
    if (segmentation) {
        body.append("segmentation", segmentation, segmentation.name);
    }
    Object.entries(fields).forEach(([name, value]) => body.append(name, value));
    const response = await send("integrate", { body, headers: { Accept: BINARY } });
    const { tensors, metadata } = readSafetensors(await response.arrayBuffer());
    return { ...tensors, about: metadata };
}

/** The answer to a POST. Throws Error: with the server's own sentence, if it refuses. */
async function send(url, { body, headers }) {
    let response;
    try {
        response = await fetch(url, { method: "POST", body, headers });
    } catch {
        throw new Error("The server does not answer: see whether it still runs.");
    }
    if (!response.ok) {
        const text = await response.text();
        throw new Error(errorIn(text) ?? `The server answers ${response.status} ${response.statusText}.`);
    }
    return response;
}

function errorIn(text) {
    try {
        return JSON.parse(text).error;
    } catch {
        return undefined;
    }
}

async function outputsOf(name, response) {
    if (response.headers.get("Content-Type")?.startsWith(BINARY)) {
        return readSafetensors(await response.arrayBuffer()).tensors;
    }
    const { outputs } = await response.json();
    const named = Array.isArray(outputs) ? { [ONLY_OUTPUT[name]]: outputs } : outputs;
    const tensors = Object.entries(named).map(([key, nested]) => [key, tensorOf(nested)]);
    return Object.fromEntries(tensors.filter(([, tensor]) => tensor));
}

/** A tensor of nested lists of numbers; null of texts. */
function tensorOf(nested) {
    const dims = [];
    for (let part = nested; Array.isArray(part); [part] = part) {
        dims.push(part.length);
    }
    const values = nested.flat(dims.length);
    return typeof values[0] !== "string" ? { dims, data: Float32Array.from(values) } : null;
}

/** A tensor as nested lists in JSON; integers of 64 bits as they are. */
function jsonOf({ dims, data }, start = 0) {
    const [count, ...inner] = dims;
    if (!inner.length) {
        return `[${data.subarray(start, start + count).join(",")}]`;
    }
    const size = inner.reduce((product, side) => product * side, 1);
    const parts = Array.from({ length: count }, (_, i) => jsonOf({ dims: inner, data }, start + i * size));
    return `[${parts.join(",")}]`;
}
