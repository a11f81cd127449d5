// The model as ONNX graphs that run in this page, in a worker, so that the page stays responsive.

/** Opens the graphs; see openModel. */
export async function openGraphs(config, report) {
    const worker = new Worker(new URL("./onnx-worker.js", import.meta.url), { type: "module" });
    const waiting = new Map();
    let count = 0;

    function settle(id, error, answer) {
        const { resolve, reject } = waiting.get(id) ?? {};
        waiting.delete(id);
        if (error) {
            reject?.(new Error(error));
        } else {
            resolve?.(answer);
        }
    }

    function ask(message) {
        return new Promise((resolve, reject) => {
            waiting.set(++count, { resolve, reject });
            worker.postMessage({ ...message, id: count });
        });
    }

    worker.onmessage = ({ data }) => (data.progress ? report(data.progress) : settle(data.id, data.error, data.answer));
    worker.onerror = (event) => {
        const reason = event.message || "its script can't be loaded";
        [...waiting.keys()].forEach((id) => settle(id, `The model can't run in this page: ${reason}.`));
    };
    await ask({ config, base: document.baseURI });
    return { call: (name, inputs) => ask({ name, inputs }) };
}
