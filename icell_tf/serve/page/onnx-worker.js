// Runs ONNX graphs by onnxruntime-web, in one thread: several need headers that plain web space doesn't send.

import { fetchFile } from "./fetch.js";
import { noise } from "./noise.js";

const RUNTIME = "./vendor/ort.js", MODULE = "./vendor/ort-wasm.js", BINARY = "./vendor/ort.wasm";
const TYPES = new Map([[Float32Array, "float32"], [BigInt64Array, "int64"]]);
const DRAWING = ["sample", "draw", "integrate_draw"];
const sessions = new Map(); // function -> promise of its session
let config, base, ort;
let last = Promise.resolve(); // requests are answered one after the other

onmessage = ({ data }) => {
    last = last.then(() => answer(data));
};

async function answer({ id, ...request }) {
    try {
        const found = request.name ? await run(request.name, request.inputs) : await start(request);
        postMessage({ id, answer: found });
    } catch (error) {
        postMessage({ id, error: error.message || String(error) });
    }
}

/** Loads the runtime. Its binary is fetched here, so that its progress is known and its media type doesn't matter. */
async function start(given) {
    ({ config, base } = given);
    const at = (file) => new URL(file, import.meta.url).href;
    const binary = await download(at(BINARY), "runtime");
    ort = await import(at(RUNTIME));
    Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: binary, wasmPaths: { mjs: at(MODULE) } });
}

/** Outputs of a function of the model, from the inputs that its signature has. */
async function run(name, inputs) {
    const session = await opened(name), { seed, draw, ...given } = inputs;
    const drawn = DRAWING.includes(name)
        ? noise(name, inputs, config.noise[name], config.structures.length)
        : {};
    const feeds = {};
    for (const [key, { data, dims }] of Object.entries({ ...given, ...drawn })) {
        feeds[key] = new ort.Tensor(TYPES.get(data.constructor), data, dims);
    }
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([key, { data, dims }]) => [key, { dims: [...dims], data }]));
}

/** The session of a function, made when it is first needed. */
function opened(name) {
    if (!config.graphs[name]) {
        throw new Error(`The model has no function ${name}.`);
    }
    if (!sessions.has(name)) {
        sessions.set(name, open(name));
        sessions.get(name).catch(() => sessions.delete(name)); // so that it is tried again
    }
    return sessions.get(name);
}

async function open(name) {
    const graph = await download(new URL(config.graphs[name], base), name);
    return ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
}

/** A file's bytes; reports how many have come. */
async function download(url, what) {
    const response = await fetchFile(url);
    // A compressed file's length is not that of its content.
    const total = response.headers.get("Content-Encoding") ? 0 : Number(response.headers.get("Content-Length"));
    const parts = [];
    let loaded = 0;
    for await (const part of chunks(response.body)) {
        parts.push(part);
        loaded += part.length;
        postMessage({ progress: { what, loaded, total } });
    }
    postMessage({ progress: { what, loaded, total: loaded } });
    return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The chunks of a stream: not every browser can loop over a stream itself. */
async function* chunks(stream) {
    const reader = stream.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
        yield read.value;
    }
}
