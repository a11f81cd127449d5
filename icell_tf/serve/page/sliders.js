// The sliders of the codes, and the walk to another cell.

import { byVariation, reach } from "./codes.js";
import { $, element } from "./dom.js";

const AT_ONCE = 6; // sliders that are seen before one asks for more
export const CODES = ["z_r", "z_s"];

/** Makes the sliders. Args: the config; change: see `prepareLegend`. */
export function prepareSliders(config, change) {
    const dimensions = config.model.description.latent_dim;
    const orders = {
        z_r: byVariation(config.cells.map((cell) => cell.z_r), dimensions),
        z_s: [...Array(dimensions).keys()],
    };
    for (const code of CODES) {
        const sliders = orders[code].map((dimension) => slider(code, dimension, change));
        const more = element("details", {}, [
            element("summary", {}, [`${Math.max(0, dimensions - AT_ONCE)} more`]), ...sliders.slice(AT_ONCE),
        ]);
        $(code).replaceChildren(...sliders.slice(0, AT_ONCE), ...(dimensions > AT_ONCE ? [more] : []));
    }
    $("walk").hidden = config.cells.length === 0;
    $("walk-to").replaceChildren(new Option("no other cell", ""), ...config.cells.map(({ name }) => new Option(name)));
    $("walk-to").addEventListener("change", () => change((state) => {
        state.to = $("walk-to").value || null;
        state.share = state.to === null ? 0 : state.share || 50;
    }));
    $("share").addEventListener("input", () => change((state) => { state.share = Number($("share").value); }));
    $("reset").addEventListener("click", () => change((state) => {
        CODES.forEach((code) => state[code].clear());
        state.share = 0;
    }));
}

function slider(code, dimension, change) {
    const id = `${code}-${dimension + 1}`;
    const aria = { label: `${code} ${dimension + 1}` }; // a screen reader would not read the index well
    const input = element("input", { id, type: "range", step: "any", dataset: { dimension }, aria });
    const name = element("span", {}, ["z", element("sub", {}, [code.at(-1)]), ` ${dimension + 1}`]);
    const output = element("output");
    output.setAttribute("for", id);
    input.addEventListener("input", () => change((state) => {
        state[code].set(dimension, Number(Number(input.value).toFixed(2)));
    }));
    return element("label", { className: "slider" }, [name, input, output]);
}

/**
 * Brings the sliders to a state.
 *
 * Args: the state; z_r: of the cell, before anything was moved by hand; walked: the code on the way to another cell.
 */
export function showSliders(state, codes) {
    for (const code of CODES) {
        for (const input of $(code).querySelectorAll("input")) {
            const dimension = Number(input.dataset.dimension), value = codes[code][dimension];
            const end = reach(value);
            if (Number(input.max) < end || input.min === "") {
                input.min = -end;
                input.max = end;
            }
            if (document.activeElement !== input || !state[code].has(dimension)) {
                input.value = value;
            }
            input.nextElementSibling.textContent = signed(value);
            input.parentElement.classList.toggle("moved", state[code].has(dimension));
        }
    }
    $("walk-to").value = state.to ?? "";
    $("share").disabled = state.to === null;
    $("share").value = state.share;
    $("share").nextElementSibling.textContent = `${state.share} %`;
    $("reset").disabled = state.share === 0 && CODES.every((code) => state[code].size === 0);
}

/** A number with its sign, a minus as long as a plus. */
function signed(value) {
    const text = Math.abs(value).toFixed(2);
    return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}
