// An image, the same image scrambled, and what a patch and a 3 x 3 window see around a pixel. Hover or pick a pixel in
// either picture and find it in the other. Solid squares belong to the patch, dots to the window. When another order is
// chosen, the pixels fly to their new places.

import { choices, current, figure, grid, make, paint, pixel, widget } from "./kit.js";

const FLIGHT = 800, MOST = 4096;        // milliseconds; pixels: more would stutter

export default widget((root, { image, orders, facts }, state) => {
  const [, height, width] = image.shape, size = height * width, P = facts.patch_size;
  const order = (name) => orders.subarray(facts.names.indexOf(name) * size, (facts.names.indexOf(name) + 1) * size);
  const inverse = (name) => {
    const places = new Int32Array(size);
    order(name).forEach((source, place) => { places[source] = place; });
    return places;
  };
  const at = (row, column) => (row >= 0 && column >= 0 && row < height && column < width ? row * width + column : -1);
  const rowOf = (s) => Math.floor(s / width), columnOf = (s) => s % width;
  const patchOf = (s) => Math.floor(rowOf(s) / P) * Math.floor(width / P) + Math.floor(columnOf(s) / P);
  const words = (s) => `row ${rowOf(s)}, column ${columnOf(s)}`;

  // The places of the patch that a place lies in, and of the window around it; -1 is beyond the edge.
  const square = (top, left, n) => Array.from({ length: n * n }, (_, i) => at(top + Math.floor(i / n), left + i % n));
  const patchAt = (s) => square(Math.floor(rowOf(s) / P) * P, Math.floor(columnOf(s) / P) * P, P);
  const windowAt = (s) => square(rowOf(s) - 1, columnOf(s) - 1, 3);

  const label = (name) => ({ name, of: words });
  const now = () => state.get().order;
  const before = grid(state, { name: "place", rows: height, columns: width, label: label("pixel of the image"),
                               from: (place) => order(now())[place], to: (cell) => inverse(now())[cell] });
  const after = grid(state, { name: "place", rows: height, columns: width, label: label("pixel of the scrambled image") });
  paint(before.canvas, width, height, (i) => pixel(image, i));

  // Marks under the selection: `edge` is the paper around what `ink` draws.
  const marks = (view) => {
    const paths = { edge: make("svg:path", { class: "mx-halo" }), ink: make("svg:path", { class: "mx-patch" }),
                    dotEdge: make("svg:path"), dots: make("svg:path", { class: "mx-window" }) };
    const style = { edge: "stroke-width: 4px", ink: "fill: none; stroke: var(--mx-ink); stroke-width: 1.5px",
                    dotEdge: "fill: var(--mx-paper)", dots: "fill: var(--mx-ink)" };
    for (const [name, path] of Object.entries(paths)) {
      path.setAttribute("style", style[name]);
      path.setAttribute("vector-effect", "non-scaling-stroke");
    }
    view.node.querySelector("svg").prepend(...Object.values(paths));
    return paths;
  };
  const inBefore = marks(before), inAfter = marks(after);
  const box = (x, y, w, h) => `M${x} ${y}h${w}v${h}h${-w}z`;
  const dot = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  const dotted = Object.fromEntries(["edge", "ink"].map((name) => [name, make("svg:rect", { fill: "none",
    width: 3, height: 3, "vector-effect": "non-scaling-stroke", "stroke-linecap": "round", "stroke-dasharray": "0.1 6",
    stroke: name === "edge" ? "var(--mx-paper)" : "var(--mx-ink)", "stroke-width": name === "edge" ? 6 : 3.5 })]));
  inAfter.dots.after(dotted.edge, dotted.ink);

  // Pixels on their way, drawn over the scrambled picture.
  const sky = make("canvas", { class: "mx-sky", "aria-hidden": "true",
                               style: "position: absolute; inset: 0; width: 100%; height: 100%; display: none" });
  after.canvas.after(sky);
  let flight = null;
  function fly(old, name) {
    cancelAnimationFrame(flight);
    const k = Math.max(2, Math.ceil(400 / width)), [start, end] = [inverse(old), inverse(name)];
    const colors = Array.from({ length: size }, (_, i) => `rgb(${pixel(image, i).slice(0, 3).join(" ")})`);
    Object.assign(sky, { width: k * width, height: k * height });
    sky.style.display = "";
    after.canvas.style.visibility = "hidden";
    const pen = sky.getContext("2d"), began = performance.now();
    const step = (time) => {
      const t = Math.min(Math.max((time - began) / FLIGHT, 0), 1), share = t < 0.5 ? 4 * t ** 3 : 1 - 4 * (1 - t) ** 3;
      pen.clearRect(0, 0, sky.width, sky.height);
      for (let i = 0; i < size; i++) {
        const x = (1 - share) * columnOf(start[i]) + share * columnOf(end[i]);
        const y = (1 - share) * rowOf(start[i]) + share * rowOf(end[i]);
        pen.fillStyle = colors[i];
        pen.fillRect(k * x, k * y, k + 0.5, k + 0.5);       // a little over, or the paper shines through
      }
      if (t < 1) { flight = requestAnimationFrame(step); return; }
      sky.style.display = "none";
      after.canvas.style.visibility = "";
    };
    step(began);
  }

  // Four small squares: the patch and the window around the pixel, in the image and scrambled.
  function small(n, frame) {
    const canvas = make("canvas", { "aria-hidden": "true", style: "display: block; width: 100%; height: 100%; " +
                                                                  "image-rendering: pixelated" });
    const together = make("svg:path", { style: "fill: var(--mx-ink); stroke: var(--mx-paper); stroke-width: 1.5px; " +
                                               "paint-order: stroke", "vector-effect": "non-scaling-stroke" });
    const halo = make("svg:rect", { class: "mx-halo", width: 1, height: 1 });
    const mark = make("svg:rect", { class: "mx-mark", width: 1, height: 1 });
    const node = make("div", { style: `position: relative; aspect-ratio: 1; margin: 3px; outline: ${frame}` }, canvas,
      make("svg:svg", { viewBox: `0 0 ${n} ${n}`, "aria-hidden": "true",
                        style: "position: absolute; inset: 0; width: 100%; height: 100%" }, together, halo, mark));
    return { node, show(sources, middle, shared) {
      paint(canvas, n, n, (i) => (sources[i] < 0 ? [0, 0, 0, 0] : pixel(image, sources[i])));
      together.setAttribute("d", sources.map((s, i) =>
        (s >= 0 && s !== middle && shared.has(s) ? dot(i % n + 0.5, Math.floor(i / n) + 0.5, 0.17) : "")).join(""));
      const i = sources.indexOf(middle);
      for (const rect of [halo, mark]) { rect.setAttribute("x", i % n); rect.setAttribute("y", Math.floor(i / n)); }
    } };
  }
  const solid = "1.5px solid var(--mx-ink)", dots = "2px dotted var(--mx-ink)";
  const oldPatch = small(P, solid), newPatch = small(P, solid), oldWindow = small(3, dots), newWindow = small(3, dots);
  const title = (text) => make("div", { style: "font-size: 12px; color: var(--mx-soft); grid-column: 1 / 3" }, text);
  const head = (text) => make("div", { style: "font-size: 12px; text-align: center" }, text);
  const pairs = make("div", { style: "display: grid; grid-template-columns: 1fr 1fr; gap: 2px 8px" },
    head("in the image"), head("scrambled"),
    title(`its patch, ${P} × ${P} (the Mixer)`), oldPatch.node, newPatch.node,
    title("its window, 3 × 3 (the CNN)"), oldWindow.node, newWindow.node,
    title("dot: beside it in both"));

  const views = [figure("the image, and where the pixels come from", before.node),
                 figure("what the network is given", after.node), make("div", {}, pairs)];
  views[0].style.flex = views[1].style.flex = "1 1 260px";
  views[2].style.flex = "0 1 224px";
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 4.5em" });
  root.append(make("div", { class: "mx-controls" },
    choices(state, "order", "scrambled", Object.fromEntries(facts.names.map((name) => [name, name])))),
  make("div", { class: "mx-row" }, ...views), say);

  let shown = null;
  state.on(["order"], ({ order: name, place }) => {
    const source = order(name);
    paint(after.canvas, width, height, (i) => pixel(image, source[i]));
    for (const rect of before.node.querySelectorAll(".mx-halo[width], rect.mx-mark")) before.place(rect, source[place]);
    before.node.setAttribute("aria-valuetext", words(source[place]));
    if (shown !== null && shown !== name && size <= MOST && !matchMedia("(prefers-reduced-motion: reduce)").matches)
      fly(shown, name);
    shown = name;
  });

  state.on(["order", "place"], (state) => {
    const place = current(state, "place"), source = order(state.order), middle = source[place];
    const patch = patchAt(place).map((s) => source[s]), seen = windowAt(place).map((s) => (s < 0 ? -1 : source[s]));
    const squares = patch.map((s) => box(columnOf(s) + 0.1, rowOf(s) + 0.1, 0.8, 0.8)).join("");
    for (const name of ["edge", "ink"]) inBefore[name].setAttribute("d", squares);
    const spots = seen.filter((s) => s >= 0);
    inBefore.dotEdge.setAttribute("d", spots.map((s) => dot(columnOf(s) + 0.5, rowOf(s) + 0.5, 0.36)).join(""));
    inBefore.dots.setAttribute("d", spots.map((s) => dot(columnOf(s) + 0.5, rowOf(s) + 0.5, 0.25)).join(""));
    const corner = patchAt(place)[0];
    for (const name of ["edge", "ink"]) inAfter[name].setAttribute("d", box(columnOf(corner), rowOf(corner), P, P));
    for (const rect of Object.values(dotted)) {
      rect.setAttribute("x", columnOf(place) - 1);
      rect.setAttribute("y", rowOf(place) - 1);
    }
    const oldMates = patchAt(middle), oldNear = windowAt(middle);
    const kept = patch.filter((s) => oldMates.includes(s)).length - 1;
    oldPatch.show(oldMates, middle, new Set(patch));
    newPatch.show(patch, middle, new Set(oldMates));
    oldWindow.show(oldNear, middle, new Set(seen));
    newWindow.show(seen, middle, new Set(oldNear));

    const patches = new Set(patch.map(patchOf)).size, near = spots.filter((s) => oldNear.includes(s)).length - 1;
    say.innerHTML = `The pixel at <b>${words(place)}</b> of what the network is given comes from <b>${words(middle)}</b> ` +
      `of the image.<br>The ${P * P} pixels of its patch come from <b>${patches} ${patches === 1 ? "patch" : "patches"}</b> ` +
      `of the image; ${kept} of the other ` +
      `${P * P - 1} ${kept === 1 ? "was" : "were"} in one patch with it there.<br>Around it in the window are ${spots.length - 1} ` +
      `neighbors; <b>${near}</b> of them ${near === 1 ? "was its neighbor" : "were its neighbors"} in the image.`;
  });
  return () => cancelAnimationFrame(flight);
});
