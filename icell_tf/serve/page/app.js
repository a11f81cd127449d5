// The explorer: joins what a person chooses, the address, the model and the pictures.

import { movedCodes } from "./codes.js";
import { prepareCells, reader, showChosen } from "./choose.js";
import { $ } from "./dom.js";
import { savePng, saveTiff } from "./download.js";
import { prepareLegend, showClasses, showLegend } from "./legend.js";
import { openModel } from "./model.js";
import { prepareOwn } from "./own.js";
import { KINDS, caption, depthOf, describeDepth, draw, prepareGrid } from "./pictures.js";
import { classified, compute, newest, sampled, subjectOf } from "./scene.js";
import { prepareSliders, showSliders } from "./sliders.js";
import { initial, read, write } from "./state.js";

const PATIENCE = 250; // ms before the page says that it works
const PAUSE = 200; // ms without a change before the address is written

let config, model, readCell;
let state; // what is chosen; `write` has it as text
let subject = null, own = null; // the cell that is shown; the last one that came from a file
let scene = null, pictures = null, shown = null, shownKey = ""; // what is drawn, and of what state
let written = null; // the hash that this page wrote last

async function start() {
    config = await fetchConfig();
    readCell = reader(config.model.description.spec);
    model = await openModel(config, showProgress);
    prepareGrid(config);
    prepareLegend(config, change);
    prepareSliders(config, change);
    prepareCells(config, (name) => chooseCell({ kind: "cell", name }), readCell);
    prepareOwn(model, (cell) => {
        own = subjectOf(cell, config.model.description.spec, "file");
        shownKey = ""; // a file of the same name may hold another cell
        chooseCell({ kind: "file", name: own.name });
    });
    prepareControls();
    describeModel();
    $("loading").hidden = true;
    $("main").hidden = false;
    document.body.classList.add("ready");
    addEventListener("hashchange", () => location.hash !== written && open(location.hash));
    open(location.hash);
}

async function fetchConfig() {
    const response = await fetch("explorer.json").catch(() => null);
    if (!response?.ok) {
        throw new Error("explorer.json can't be read: see whether the server still runs, and whether the page's folder "
            + "is complete.");
    }
    return response.json();
}

/** Goes to the state of an address. */
function open(hash) {
    const found = read(hash, config);
    state = found.state;
    if (state.cell.kind === "file" && state.cell.name !== own?.name) {
        found.problems.push(`The address shows a cell from a file, ${state.cell.name}. Addresses hold no files: open the `
            + "file again, under Your own cell.");
        state.cell = initial(config).cell;
    }
    problem(found.problems.join(" "));
    apply();
}

/** Changes the state. Args: a function that changes it. */
function change(edit) {
    edit(state);
    problem("");
    apply();
}

function chooseCell(cell) {
    change((now) => Object.assign(now, { cell, share: 0, z_r: new Map(), z_s: new Map() }));
}

/** Brings controls and address to the state, and asks for its pictures. */
function apply() {
    showControls();
    $("composite-figure").dataset.wanted = write(state, config); // and `shown`, once it is
    clearTimeout(apply.timer);
    apply.timer = setTimeout(() => {
        written = write(state, config);
        history.replaceState(null, "", written);
    }, PAUSE);
    request(structuredClone(state));
}

const request = newest(async (wanted, stale) => {
    const patience = setTimeout(() => $("composite-figure").setAttribute("aria-busy", "true"), PATIENCE);
    try {
        const key = sceneKey(wanted);
        if (key !== shownKey) {
            const cell = await subjectFor(wanted);
            const found = stale() ? null : await compute(model, cell, wanted, { stale, progress: showDraws });
            if (found === null) {
                return;
            }
            const another = cell !== subject;
            [subject, scene, shownKey] = [cell, found, key];
            $("cell-name").textContent = titleOf(wanted);
            if (another) {
                showLabelled(subject);
            }
        }
        pictures = draw(scene, subject, wanted, config);
        shown = wanted;
        $("caption").textContent = caption(scene, wanted, config.model.description.sharp);
        showControls();
        $("composite-figure").dataset.shown = write(wanted, config);
        announce(`${subject.name}: ${KINDS[scene.shown]}.`);
    } catch (error) {
        problem(error.message);
    } finally {
        clearTimeout(patience);
        $("drawn").hidden = true;
        $("composite-figure").removeAttribute("aria-busy");
    }
});

function titleOf({ seed, to, share, z_r, z_s }) {
    const name = subject.kind === "new" ? `a new cell, seed ${seed}` : subject.name;
    const way = to !== null && share > 0 ? `a cell between ${name} and ${to}` : name;
    return z_r.size + z_s.size > 0 ? `${way}, changed` : way;
}

/** The parts of a state that the model's answer depends on; the others only change how it is drawn. */
function sceneKey({ cell, view, draw: number, draws, seed, to, share, z_r, z_s }) {
    return JSON.stringify([cell, view, number, draws, seed, to, share, [...z_r], [...z_s]]);
}

async function subjectFor({ cell, seed }) {
    if (cell.kind === "file") {
        return own;
    }
    const name = cell.kind === "new" ? `new-${cell.structure}-${seed}` : cell.name;
    if (subject?.kind === cell.kind && subject.name === name) {
        return subject;
    }
    if (cell.kind === "new") {
        return sampled(model, cell.structure, seed);
    }
    const entry = config.cells.find((each) => each.name === cell.name);
    return subjectOf(await readCell(entry), config.model.description.spec, "cell");
}

/** Which structure is labelled, below the pictures: not waited for. */
function showLabelled(cell) {
    if (!cell.labelled) {
        showClasses(config, cell, null);
        return;
    }
    classified(model, cell).then(
        (answer) => cell === subject && showClasses(config, cell, answer),
        (error) => problem(error.message),
    );
}

function prepareControls() {
    $("views").addEventListener("change", ({ target }) => change((now) => { now.view = target.value; }));
    $("contrast").addEventListener("change", () => change((now) => { now.contrast = $("contrast").value; }));
    $("depth").hidden = !depthOf(config.model.description.spec);
    $("z").max = depthOf(config.model.description.spec);
    $("z").addEventListener("input", () => change((now) => { now.z = Number($("z").value) || null; }));
    $("draws").addEventListener("change", () => change((now) => { now.draws = Number($("draws").value); }));
    for (const key of ["draw", "seed"]) {
        $(key).addEventListener("input", () => $(key).value !== "" && $(key).checkValidity()
            && change((now) => { now[key] = Number($(key).value); }));
        $(key).addEventListener("change", showControls); // what can't be used goes back
    }
    $("next-seed").addEventListener("click", () => change((now) => { now.seed += 1; }));
    $("lock").addEventListener("change", () => change((now) => { now.locked = $("lock").checked; }));
    $("new-structure").replaceChildren(...config.structures.map(({ name, display }) => new Option(display, name)));
    $("new-draw").addEventListener("click", () => {
        if (state.cell.kind === "new" && !state.locked) {
            state.seed += 1;
        }
        chooseCell({ kind: "new", structure: $("new-structure").value });
    });
    $("save-png").addEventListener("click", () => scene && savePng(pictures, scene, subject, shown, config));
    $("save-tiff").addEventListener("click", () => scene && saveTiff(scene, subject, shown, config));
    $("skip").addEventListener("click", (event) => { // the hash is the state's
        event.preventDefault();
        $("pictures").focus();
    });
}

function showControls() {
    const { view, cell } = state, z_r = scene?.z_r ?? new Float32Array(config.model.description.latent_dim);
    const target = config.cells.find(({ name }) => name === state.to);
    const moved = movedCodes(z_r, state, target?.z_r ?? null);
    for (const input of $("views").querySelectorAll("input")) {
        input.checked = input.value === (moved ? "typical" : view);
        input.disabled = moved !== null && input.value !== "typical";
    }
    $("contrast").value = state.contrast;
    $("z").value = state.z ?? 0;
    $("z-text").textContent = describeDepth(state, config.model.description.spec);
    $("z").setAttribute("aria-valuetext", $("z-text").textContent);
    $("drawing").hidden = cell.kind !== "new" && (moved !== null || view === "typical");
    $("draw-field").hidden = moved !== null || view !== "draw";
    $("draws-field").hidden = moved !== null || view !== "spread";
    for (const key of ["draw", "draws", "seed"]) {
        if (Number($(key).value) !== state[key] || $(key).value === "") {
            $(key).value = state[key];
        }
    }
    $("seed").readOnly = $("next-seed").disabled = $("lock").checked = state.locked;
    if (cell.kind === "new") {
        $("new-structure").value = cell.structure;
        $("new-details").open = true;
    }
    showChosen(state);
    showLegend(state);
    showSliders(state, moved ?? { z_r, z_s: new Float32Array(z_r.length) });
}

function describeModel() {
    const { name, description: { spec } } = config.model;
    const size = [...new Set(spec.pixel_size)].join(" × ");
    const where = config.backend === "onnx"
        ? "It runs in this page; no picture leaves this computer."
        : "It runs on the server of this page.";
    const frame = `${spec.shape.join(" × ")} px at ${size} µm`;
    $("about").textContent = `Model ${name}: ${config.structures.length} structures, ${frame}. ${where}`;
}

/** Files of the model on their way. */
function showProgress({ what, loaded, total }) {
    const bar = $("loading-progress"), done = total > 0 && loaded >= total;
    $("loading").hidden = done && document.body.classList.contains("ready");
    const names = { runtime: "what runs the model" };
    const size = total ? `, ${(total / 1e6).toFixed(1)} MB` : "";
    $("loading-text").textContent = `Loading ${names[what] ?? `the model (${what})`}${size} …`;
    if (total) {
        bar.max = total;
        bar.value = loaded;
    } else {
        bar.removeAttribute("value");
    }
}

function showDraws(made, all) {
    $("drawn").hidden = made === all;
    $("drawn").max = all;
    $("drawn").value = made;
}

/** Tells a screen reader, once changes pause. */
function announce(text) {
    clearTimeout(announce.timer);
    announce.timer = setTimeout(() => { $("status").textContent = text; }, 2 * PAUSE);
}

function problem(text) {
    $("problem").hidden = !text;
    $("problem").textContent = text;
}

start().catch((error) => {
    $("loading").hidden = true;
    problem(error.message);
});
