// OME-TIFFs of float32: written as tifffile, Fiji and others read them, and read as `icell integrate` writes them.

import { concatenated, sizeOf } from "./tensors.js";

const NAMESPACE = "icell_tf/spec"; // of the annotation that says how the cell was prepared
const TAG = {
    width: 256, height: 257, bits: 258, compression: 259, photometric: 262, description: 270, offsets: 273,
    samples: 277, rows: 278, counts: 279, predictor: 317, tileWidth: 322, format: 339,
};
const SHORT = 3, LONG = 4, TEXT = 2;
const TYPES = { [SHORT]: [2, "getUint16"], [LONG]: [4, "getUint32"] };
const NONE = 1, DEFLATE = [8, 32946], BLACK_IS_ZERO = 1, FLOAT = 3;
const HEADER = 8, ENTRY = 12; // bytes
const LITTLE_ENDIAN = 0x4949, MAGIC = 42, BIG = 43;
const CUT = "it is cut short", NO_OME = "it is no OME-TIFF";

/** The first image of a file: {name, channels, image (...shape, C), pixelSize, spec}. Args: ArrayBuffer. */
export async function readTiff(bytes) {
    const view = new DataView(bytes), pages = readPages(view);
    const description = pages[0]?.[TAG.description];
    if (!description) {
        throw new Error(NO_OME);
    }
    if (description.at + description.count > bytes.byteLength) {
        throw new Error(CUT);
    }
    const about = readXml(text(new Uint8Array(bytes, description.at, description.count)));
    const numbers = planeNumbers(about);
    if (numbers.some((number) => !pages[number])) {
        throw new Error(CUT);
    }
    const planes = await Promise.all(numbers.map((number) => readPlane(view, pages[number], about)));
    return { ...about, image: channelsLast(planes, about) };
}

/** Writes an image (...shape, C), uncompressed. spec: of the cell, as CellSpec.to_dict, or null. Returns Uint8Array. */
export function writeTiff({ name, channels, image, pixelSize, spec }) {
    const shape = image.dims.slice(0, -1), [height, width] = shape.slice(-2);
    const planes = planesOf(image, sizeOf(shape) / (height * width));
    const xml = new TextEncoder().encode(`${writeXml({ name, channels, shape, pixelSize, spec })}\0`);
    const tags = (first, offset) => [
        [TAG.width, LONG, width], [TAG.height, LONG, height], [TAG.bits, SHORT, 32], [TAG.compression, SHORT, NONE],
        [TAG.photometric, SHORT, BLACK_IS_ZERO], ...(first ? [[TAG.description, TEXT, HEADER, xml.length]] : []),
        [TAG.offsets, LONG, offset], [TAG.samples, SHORT, 1], [TAG.rows, LONG, height],
        [TAG.counts, LONG, width * height * 4], [TAG.format, SHORT, FLOAT],
    ];
    const start = even(HEADER + xml.length), sizes = planes.map((_, i) => 2 + ENTRY * tags(i === 0).length + 4);
    const data = Math.ceil((start + sizes.reduce((sum, size) => sum + size, 0)) / 4) * 4;
    const file = new Uint8Array(data + planes.length * width * height * 4), view = new DataView(file.buffer);
    view.setUint16(0, LITTLE_ENDIAN, true);
    view.setUint16(2, MAGIC, true);
    view.setUint32(4, start, true);
    file.set(xml, HEADER);
    let at = start;
    planes.forEach((plane, i) => {
        const offset = data + i * plane.byteLength, next = at + sizes[i];
        writePage(view, at, tags(i === 0, offset), i + 1 < planes.length ? next : 0);
        new Float32Array(file.buffer, offset, plane.length).set(plane);
        at = next;
    });
    return file;
}

function even(number) {
    return number + (number % 2);
}

function writePage(view, at, tags, next) {
    view.setUint16(at, tags.length, true);
    tags.forEach(([tag, type, value, count = 1], i) => {
        const entry = at + 2 + i * ENTRY;
        view.setUint16(entry, tag, true);
        view.setUint16(entry + 2, type, true);
        view.setUint32(entry + 4, count, true);
        view.setUint32(entry + 8, value, true); // of a SHORT the first two bytes, which in this byte order are the low
    });
    view.setUint32(at + 2 + tags.length * ENTRY, next, true);
}

/** The tags of all pages: [{tag: {values, at, count}}]. */
function readPages(view) {
    const fits = view.byteLength > HEADER && view.getUint16(0, true) === LITTLE_ENDIAN;
    const magic = fits ? view.getUint16(2, true) : 0;
    if (magic !== MAGIC) {
        const big = "it is a BigTIFF, which can't be read here", none = "it is no TIFF in little-endian order";
        throw new Error(magic === BIG ? big : none);
    }
    const pages = [], seen = new Set();
    try {
        for (let at = view.getUint32(4, true); at && !seen.has(at);) {
            seen.add(at);
            const count = view.getUint16(at, true), page = {};
            for (let i = 0; i < count; i++) {
                readTag(view, at + 2 + i * ENTRY, page);
            }
            pages.push(page);
            at = view.getUint32(at + 2 + count * ENTRY, true);
        }
    } catch (error) {
        throw error instanceof RangeError ? new Error(CUT) : error;
    }
    return pages;
}

function readTag(view, entry, page) {
    const type = view.getUint16(entry + 2, true), count = view.getUint32(entry + 4, true);
    const [size, read] = TYPES[type] ?? [1, "getUint8"];
    const at = size * count > 4 ? view.getUint32(entry + 8, true) : entry + 8;
    const wanted = type === TEXT ? 0 : Math.min(count, view.byteLength); // texts are read when they are needed
    const values = TYPES[type] ? Array.from({ length: wanted }, (_, i) => view[read](at + i * size, true)) : [];
    page[view.getUint16(entry, true)] = { values, at, count };
}

/** One plane, Float32Array. */
async function readPlane(view, page, { width, height }) {
    const value = (tag, other) => page[tag]?.values[0] ?? other;
    const compression = value(TAG.compression, NONE);
    const found = [value(TAG.width), value(TAG.height), value(TAG.bits), value(TAG.format, 1), value(TAG.samples, 1)];
    const plain = !page[TAG.tileWidth] && value(TAG.predictor, 1) === 1;
    if (!plain || String(found) !== String([width, height, 32, FLOAT, 1])) {
        throw new Error("its planes are not of float32, in strips");
    }
    if (compression !== NONE && !DEFLATE.includes(compression)) {
        throw new Error(`its compression, ${compression}, can't be read here: write it with zlib or uncompressed`);
    }
    const counts = page[TAG.counts].values;
    const strips = await Promise.all(page[TAG.offsets].values.map(async (offset, i) => {
        if (offset + counts[i] > view.byteLength) {
            throw new Error(CUT);
        }
        const strip = view.buffer.slice(offset, offset + counts[i]);
        return new Float32Array(compression === NONE ? strip : await inflated(strip));
    }));
    const plane = concatenated(strips);
    if (plane.length !== width * height) {
        throw new Error(CUT);
    }
    return plane;
}

async function inflated(bytes) {
    try {
        const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
        return await new Response(plain).arrayBuffer();
    } catch {
        throw new Error("it is damaged");
    }
}

/** What OME-XML says of the first image. */
function readXml(xml) {
    if (!xml.includes("<OME")) {
        throw new Error(NO_OME);
    }
    const root = new DOMParser().parseFromString(xml, "text/xml");
    const [image] = root.getElementsByTagName("Image"), [pixels] = root.getElementsByTagName("Pixels");
    if (!image || !pixels) {
        throw new Error(NO_OME);
    }
    const size = (axis) => Number(pixels.getAttribute(`Size${axis}`));
    const comments = [...root.getElementsByTagName("CommentAnnotation")];
    const comment = comments.find((each) => each.getAttribute("Namespace") === NAMESPACE);
    const spec = comment ? JSON.parse(comment.textContent) : null;
    const axes = spec?.axes ?? (size("Z") > 1 ? "ZYX" : "YX");
    return {
        name: image.getAttribute("Name") ?? "",
        channels: [...pixels.getElementsByTagName("Channel")].map((channel) => channel.getAttribute("Name") ?? ""),
        pixelSize: [...axes].map((axis) => Number(pixels.getAttribute(`PhysicalSize${axis}`) ?? NaN)),
        shape: [...axes].map(size),
        order: pixels.getAttribute("DimensionOrder"),
        width: size("X"),
        height: size("Y"),
        depth: size("Z"),
        spec,
    };
}

/** The pages of all planes of the image, channel by channel. */
function planeNumbers({ channels, depth, order }) {
    const number = order.indexOf("Z") < order.indexOf("C")
        ? (c, z) => c * depth + z
        : (c, z) => z * channels.length + c;
    return channels.flatMap((_, c) => Array.from({ length: depth }, (__, z) => number(c, z)));
}

function writeXml({ name, channels, shape, pixelSize, spec }) {
    const [width, height, depth = 1] = [...shape].reverse();
    const sizes = ["X", "Y", "Z"].slice(0, shape.length).map((axis, i) => {
        const size = pixelSize[pixelSize.length - 1 - i];
        return ` PhysicalSize${axis}="${size}" PhysicalSize${axis}Unit="µm"`;
    });
    const described = channels.map((channel, i) =>
        `<Channel ID="Channel:0:${i}" SamplesPerPixel="1" Name="${escaped(channel)}"/>`);
    const annotation = spec
        ? `<StructuredAnnotations><CommentAnnotation ID="Annotation:0" Namespace="${NAMESPACE}">`
            + `<Value>${escaped(JSON.stringify(spec))}</Value></CommentAnnotation></StructuredAnnotations>`
        : "";
    return '<?xml version="1.0" encoding="UTF-8"?>'
        + '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="icell_tf">'
        + `<Image ID="Image:0" Name="${escaped(name)}"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="float"`
        + ` SizeX="${width}" SizeY="${height}" SizeZ="${depth}" SizeC="${channels.length}" SizeT="1"${sizes.join("")}>`
        + `${described.join("")}<TiffData IFD="0" PlaneCount="${channels.length * depth}"/></Pixels>`
        + `${spec ? '<AnnotationRef ID="Annotation:0"/>' : ""}</Image>${annotation}</OME>`;
}

function escaped(value) {
    const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
    return String(value).replace(/[&<>"]/g, (character) => entities[character]);
}

function text(bytes) {
    return new TextDecoder().decode(bytes).replace(/\0+$/, "");
}

/** Planes, channel by channel, as an image (...shape, C). */
function channelsLast(planes, { channels, shape, depth }) {
    const count = channels.length, data = new Float32Array(sizeOf(shape) * count);
    planes.forEach((plane, i) => {
        const c = Math.floor(i / depth), start = (i % depth) * plane.length;
        plane.forEach((value, pixel) => { data[(start + pixel) * count + c] = value; });
    });
    return { dims: [...shape, count], data };
}

/** The planes of an image (...shape, C), all channels of each z, as ImageJ has them. */
function planesOf({ dims, data }, depth) {
    const count = dims.at(-1), size = data.length / count / depth;
    return Array.from({ length: count * depth }, (_, i) => {
        const c = i % count, start = Math.floor(i / count) * size;
        return Float32Array.from({ length: size }, (__, pixel) => data[(start + pixel) * count + c]);
    });
}
