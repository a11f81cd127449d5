// Short words for the document.

/** The element with an id. */
export function $(id) {
    return document.getElementById(id);
}

/** A new element. Args: tag; properties, of which `dataset` and `aria` are objects; children: elements or texts. */
export function element(tag, { dataset = {}, aria = {}, ...properties } = {}, children = []) {
    const made = Object.assign(document.createElement(tag), properties);
    Object.assign(made.dataset, dataset);
    Object.entries(aria).forEach(([name, value]) => made.setAttribute(`aria-${name}`, value));
    made.append(...children);
    return made;
}

/** A colour [r, g, b] in [0, 1] for CSS. */
export function css(color) {
    return `rgb(${color.map((part) => Math.round(255 * part)).join(" ")})`;
}

/** A share as text, such as 97.8 %. */
export function percent(share, digits = 1) {
    return `${(100 * share).toFixed(digits)} %`;
}
