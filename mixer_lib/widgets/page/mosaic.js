// Kernels as pictures: many at once in a mosaic that can be picked, sorted before one's eyes and lit up at one place, and
// one of them large.

import { grid, make, number, signed } from "./kit.js";

export const MOSAIC_STYLE = `
.mx-tiles { fill: none; stroke: var(--mx-ink); stroke-opacity: .38; stroke-width: 1px; vector-effect: non-scaling-stroke; }
.mx-mosaic canvas { transition: opacity .12s; }
.mx-mosaic .mx-lit { position: absolute; inset: 0; pointer-events: none; }
.mx-mosaic.mx-dimmed canvas:first-child { opacity: .2; }
.mx-grid ellipse { fill: none; vector-effect: non-scaling-stroke; }
`;

// The orders of analysis.ORDERS in words.
export const SORTED = { frequency: "low frequency first", norm: "large norm first", pairing: "opposites in pairs",
                        index: "by index" };

// Every shade that a number can have, as the four bytes of a pixel: a lookup is fast enough for 60 pictures a second.
const BYTES = new Uint32Array(511);
for (let i = 0; i < 511; i++) new Uint8Array(BYTES.buffer).set(signed(i - 255, 255), 4 * i);

const shade = (value, full) => BYTES[Math.max(0, Math.min(510, Math.round(255 + value * full)))];

// Signed numbers on a canvas, with the darkest color at `top` and beyond.
function inked(canvas, width, height, values, top) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), out = new Uint32Array(image.data.buffer), full = 255 / (top || 1);
  for (let i = 0; i < out.length; i++) out[i] = shade(values[i], full);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Columns for `count` tiles, so that the whole is about as wide as high. Even, so that pairs stay together, and without
// a gap at the end where that is possible.
function columnsFor(count, [height, width]) {
  let best = 1, least = Infinity;
  for (let n = count > 1 ? 2 : 1; n <= count + 1; n += 2) {
    const lopsided = Math.abs(Math.log(n * width / (Math.ceil(count / n) * height))) + (count % n ? 0.8 : 0);
    if (lopsided < least) [best, least] = [n, lopsided];
  }
  return best;
}

// `count` tiles of [height, width] numbers each. `name`: of the selection, whose value is the number of a tile.
// show(values, top, order, moves): draws all of them, values [count * height * width] in the order of their numbers;
// with `moves` they fly to their new places. light(place) shows one place of all tiles alone, ring(tile) puts a ring
// around one. All tiles are whole pixels of the page in size where there is room for it, so that none looks larger.
export function mosaic(state, { name, count, size, label, columns = columnsFor(count, size), wide = 512 }) {
  const [height, width] = size, S = height * width, rows = Math.ceil(count / columns);
  let order = Int32Array.from({ length: count }, (_, i) => i), places = order.slice(), image = null, running = 0;
  const view = grid(state, {
    name, rows, columns, ratio: columns * width / (rows * height),
    to: (cell) => order[Math.min(cell, count - 1)], from: (tile) => places[Math.round(tile)],
    label: { name: label.name, of: (cell) => label.of(order[cell]) } });
  const { node, canvas } = view, svg = node.querySelector("svg");
  const scale = Math.max(1, Math.floor(wide / Math.max(columns * width, rows * height)));
  node.style.width = `min(100%, ${columns * width * scale}px)`;
  node.classList.add("mx-mosaic");
  let borders = "";
  for (let i = 1; i < columns; i++) borders += `M${i} 0V${rows}`;
  for (let i = 1; i < rows; i++) borders += `M0 ${i}H${columns}`;
  svg.prepend(make("svg:path", { class: "mx-tiles", d: borders }));
  const rings = ["mx-halo", "mx-mark"].map((kind) => make("svg:ellipse", { class: kind, rx: 0.46, ry: 0.46,
                                                                              style: "display: none" }));
  svg.append(...rings);
  const lit = make("canvas", { class: "mx-lit", "aria-hidden": "true" });
  canvas.after(lit);
  for (const one of [canvas, lit]) Object.assign(one, { width: columns * width, height: rows * height });

  const corner = (cell) => [cell % columns * width, Math.floor(cell / columns) * height];

  function show(values, top, newOrder = order, moves = false) {
    const before = places, full = 255 / (top || 1);
    [order, places] = [newOrder, new Int32Array(count)];
    order.forEach((tile, cell) => { places[tile] = cell; });
    image ??= new ImageData(columns * width, rows * height);
    const out = new Uint32Array(image.data.buffer);
    for (let cell = 0; cell < count; cell++) {
      const [x, y] = corner(cell), from = order[cell] * S;
      for (let row = 0; row < height; row++)
        for (let column = 0, at = (y + row) * columns * width + x; column < width; column++)
          out[at + column] = shade(values[from + row * width + column], full);
    }
    running++;
    if (moves && !matchMedia("(prefers-reduced-motion: reduce)").matches) fly(before, running);
    else canvas.getContext("2d").putImageData(image, 0, 0);
    const cell = places[Math.round(state.get()[name])];
    for (const kind of ["mx-halo", "mx-mark"]) view.place(svg.querySelector(`rect.${kind}`), cell);
  }

  function fly(before, run, start = performance.now()) {
    const sheet = make("canvas", { width: canvas.width, height: canvas.height }), pen = canvas.getContext("2d");
    sheet.getContext("2d").putImageData(image, 0, 0);
    const step = (time) => {
      if (run !== running) return;
      const share = Math.min(Math.max(time - start, 0) / 600, 1), eased = share * share * (3 - 2 * share);
      if (share === 1) return pen.putImageData(image, 0, 0);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      order.forEach((tile, cell) => {
        const [x, y] = corner(cell), [oldX, oldY] = corner(before[tile]);
        pen.drawImage(sheet, x, y, width, height, Math.round(oldX + eased * (x - oldX)),
                      Math.round(oldY + eased * (y - oldY)), width, height);
      });
      requestAnimationFrame(step);
    };
    step(start);
  }

  function light(place) {
    const on = place !== null && place !== undefined, pen = lit.getContext("2d"), around = scale < 4 ? 1 : 0;
    node.classList.toggle("mx-dimmed", on);
    pen.clearRect(0, 0, lit.width, lit.height);
    if (!on || !image) return;
    const shown = new ImageData(lit.width, lit.height), out = new Uint32Array(shown.data.buffer);
    const all = new Uint32Array(image.data.buffer), row = Math.floor(place / width), column = place % width;
    for (let cell = 0; cell < count; cell++) {          // a weight of a few pixels only is drawn three times as large
      const [x, y] = corner(cell), color = all[(y + row) * lit.width + x + column];
      for (let v = Math.max(row - around, 0); v <= Math.min(row + around, height - 1); v++)
        for (let u = Math.max(column - around, 0); u <= Math.min(column + around, width - 1); u++)
          out[(y + v) * lit.width + x + u] = color;
    }
    pen.putImageData(shown, 0, 0);
  }

  function ring(tile) {
    for (const one of rings) {
      one.style.display = "";
      one.setAttribute("cx", places[tile] % columns + 0.5);
      one.setAttribute("cy", Math.floor(places[tile] / columns) + 0.5);
    }
  }

  return { node, show, light, ring, count, place: (tile) => places[tile], tile: (cell) => order[cell] };
}

// One kernel, large. Its places share a selection under `name`; a second click on the place that is picked frees it.
export function kernel(state, { name = "place", size: [height, width], label }) {
  const view = grid(state, { name, rows: height, columns: width, to: (s) => state.get()[name] === s ? null : s,
                             from: (s) => s ?? -1,
                             label: { name: label, of: (s) => s < 0 ? "no place picked" : inWords(s, width) } });
  return { node: view.node, show: (values, top) => inked(view.canvas, width, height, values, top) };
}

export const inWords = (place, width) => `row ${Math.floor(place / width)}, column ${place % width}`;
