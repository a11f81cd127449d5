// A person's own cell: a file that `icell` wrote, read in the page, or any stack, read by the server.

import { readFile } from "./cellfile.js";
import { $, element } from "./dom.js";

const LARGEST_CELL = 2 ** 26; // bytes of a file that the page itself tries to read before it asks the server

/** Makes the place for files. Args: the model; show: a function of a cell that was read, as of `cellfile.js`. */
export function prepareOwn(model, show) {
    const { upload } = model, form = $("upload");
    let stack = null;
    $("own-note").textContent = upload
        ? "A stack of one cell with membrane and nucleus, as it comes from the microscope, or a cell that icell wrote. "
            + "A stack is sent to the server of this page."
        : "A cell that icell integrate wrote, CELL.ome.tif. It stays on this computer: the model runs in this page.";

    async function take(file) {
        say();
        form.hidden = true;
        $("own-details").open = true;
        if (!upload || file.size <= LARGEST_CELL) {
            try {
                show(await readFile(file, model.config.model.description.spec));
                good(`${file.name} is shown.`);
                return;
            } catch (error) {
                if (!upload || error.differences?.length) {
                    say(error.message);
                    return;
                }
            }
        }
        stack = file;
        form.hidden = false;
        $("upload-name").textContent = file.name;
        form.elements.pixel_size.focus();
    }

    async function send(event) {
        event.preventDefault();
        const fields = {}, { elements } = form, masks = elements.masks.value;
        for (const name of ["pixel_size", "channels", ...(masks === "none" ? [] : ["segmentation_channels"])]) {
            if (elements[name].value.trim()) {
                fields[name] = elements[name].value.trim();
            }
        }
        const segmentation = masks === "file" ? elements.segmentation.files[0] ?? null : null;
        if (masks === "file" && !segmentation) {
            say("Choose the file of masks, too.");
            return;
        }
        const button = form.querySelector("button");
        button.disabled = true;
        good("The server reads the file …");
        try {
            const { image, about } = await upload(stack, fields, segmentation);
            show({ name: stack.name.replace(/(\.ome)?\.tiff?$/i, ""), structure: null, image });
            good(`${stack.name} is shown.`, guesses(about));
        } catch (error) {
            say(error.message);
        }
        button.disabled = false;
    }

    $("own-file").addEventListener("change", () => {
        const [file] = $("own-file").files;
        $("own-file").value = ""; // so that the same file can be chosen again
        if (file) {
            take(file);
        }
    });
    form.addEventListener("submit", send);
    form.addEventListener("change", () => {
        $("masks-file").hidden = form.elements.masks.value !== "file";
        $("masks-channels").hidden = form.elements.masks.value === "none";
    });
    document.addEventListener("dragover", (event) => {
        event.preventDefault();
        $("drop").classList.add("over");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget || $("drop").classList.remove("over"));
    document.addEventListener("drop", (event) => {
        event.preventDefault();
        $("drop").classList.remove("over");
        const [file] = event.dataTransfer.files;
        if (file) {
            take(file);
        }
    });
}

/** Shows what is wrong, beside the place for files; nothing, if there is no text. */
function say(text = "") {
    const message = $("own-message");
    message.hidden = !text;
    message.classList.remove("good");
    message.replaceChildren(text);
}

/** Shows what was done, and a list below it. */
function good(text, lines = []) {
    say(text);
    $("own-message").classList.add("good");
    if (lines.length) {
        $("own-message").append(element("ul", {}, lines.map((line) => element("li", {}, [line]))));
    }
}

/** What the server says that it guessed. */
function guesses(about) {
    try {
        return JSON.parse(about.guesses ?? "[]");
    } catch {
        return [];
    }
}
