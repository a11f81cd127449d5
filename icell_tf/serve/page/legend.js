// The list of structures: on or off, opacity; and the classes of the labelled structure.

import { $, element, percent } from "./dom.js";
import { swatch } from "./pictures.js";

/** Makes the list. Args: the config; change: a function of what of the state changes, as a function of the state. */
export function prepareLegend(config, change) {
    $("legend").replaceChildren(...config.structures.map(({ name, display, color }) => {
        const shown = element("input", { type: "checkbox", name: "shown", value: name });
        const aria = { label: `Opacity of ${display}` };
        const opacity = element("input", { type: "range", min: 0, max: 100, step: 5, name: "opacity", aria });
        const text = element("span", { className: "what" }, [display]);
        shown.addEventListener("change", () => change(({ hidden }) => {
            shown.checked ? hidden.delete(name) : hidden.add(name);
        }));
        opacity.addEventListener("input", () => change((state) => {
            state.hidden.delete(name);
            Number(opacity.value) === 100 ? state.opacity.delete(name) : state.opacity.set(name, Number(opacity.value));
        }));
        const label = element("label", {}, [shown, swatch(color), text]);
        return element("li", { dataset: { structure: name } }, [label, opacity, element("output")]);
    }));
    $("all").addEventListener("click", () => change((state) => state.hidden.clear()));
    $("none").addEventListener("click", () => change((state) => {
        config.structures.forEach(({ name }) => state.hidden.add(name));
    }));
}

/** Brings the list to a state. */
export function showLegend(state) {
    for (const item of $("legend").children) {
        const { structure } = item.dataset, [shown, opacity] = item.querySelectorAll("input");
        shown.checked = !state.hidden.has(structure);
        opacity.value = state.opacity.get(structure) ?? 100;
        item.querySelector("output").textContent = `${opacity.value} %`;
        item.classList.toggle("off", !shown.checked);
    }
}

/**
 * Shows the classes of a cell's labelled structure.
 *
 * Args: the config; the subject; answer: what `classified` returns, or null for a cell without a labelled structure.
 */
export function showClasses(config, subject, answer) {
    $("classes").hidden = answer === null;
    if (answer === null) {
        return;
    }
    const found = config.structures.map((structure, k) => ({ ...structure, share: answer.probabilities.data[k] }));
    found.sort((a, b) => b.share - a.share);
    $("bars").replaceChildren(...found.map(({ name, display, share }) => {
        const bar = element("span", { className: "bar-length", aria: { hidden: true } });
        bar.style.width = `${100 * share}%`;
        return element("li", { dataset: { structure: name } }, [
            element("span", { className: "what" }, [display]),
            element("span", { className: "track" }, [bar]), element("span", { className: "number" }, [percent(share)]),
        ]);
    }));
    showUnknown(config.model.description.known, answer);
    const truth = config.structures.find(({ name }) => name === subject.structure);
    const source = subject.kind === "new" ? "It was drawn as" : "The cell's label says";
    $("class-text").textContent = `Judged by its picture, the labelled structure is most likely ${found[0].display}.`
        + (truth ? ` ${source} ${truth.display}.` : "");
}

/**
 * Says that a cell is unknown, or that it is not, with how often that is right.
 *
 * Args: known: of the model's description, see `icell_tf.runs.known.Known`; missing where no threshold was measured.
 *   answer: as above, with the cell's distance to the training cells.
 */
function showUnknown(known, answer) {
    const judged = Boolean(known && answer.distance), unknown = judged && answer.distance.data[0] > known.threshold;
    $("unknown").hidden = !judged;
    $("unknown").classList.toggle("warning", unknown);
    if (!judged) {
        return;
    }
    const { accepted, rejected } = known.rates;
    $("unknown").textContent = (unknown
        ? "Unknown: this picture is unlike those of all the structures that the model has learned. Do not trust the list "
            + "above. "
        : "The picture is like those that the model has learned. ")
        + `Measured on test cells: of ${accepted.n} with known structures the model accepts ${percent(accepted.value)}`
        + (rejected
            ? `, and of ${rejected.n} with structures that it had not learned it calls ${percent(rejected.value)} `
                + "unknown."
            : ".");
}
