// A model, whatever answers: graphs that run in the page, or a server.

import { openGraphs } from "./onnx.js";
import { openServer } from "./rest.js";

export { batch, floats, integers, moments, oneHot, repeat, row } from "./tensors.js";

const BACK_ENDS = { onnx: openGraphs, rest: openServer };

/**
 * Opens the model that explorer.json describes.
 *
 * report({what, loaded, total}) is called while files load, in bytes; total is 0 where it is not known.
 * Returns {config, call(name, inputs) -> outputs, upload}; upload only if the server reads files.
 */
export async function openModel(config, report = () => {}) {
    const open = BACK_ENDS[config.backend];
    if (!open) {
        throw new Error(`explorer.json asks for the back end ${config.backend}, which this page doesn't have.`);
    }
    return { config, ...await open(config, report) };
}
