// The files of the page's folder.

/** The response with a file. Throws Error: a sentence, also where nothing answers. */
export async function fetchFile(url) {
    const response = await fetch(url).catch(() => null);
    if (!response) {
        throw new Error(`${url} can't be loaded: the page's server does not answer.`);
    }
    if (!response.ok) {
        throw new Error(`${url} can't be loaded: ${response.status} ${response.statusText}.`);
    }
    return response;
}
