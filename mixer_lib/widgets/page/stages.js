// The stages of a Mixer's forward pass, each a scene of tables: what goes in, the weights in use, what comes out.
// A scene is { node, paint(out, pixels), move(share) }: paint takes over what mixer.js computed; move(share), which
// follows, draws the scene as it is when that share of it, 0 to 1, has been played.

import { figure, grid, make, number, paint, pixel, signed } from "./kit.js";
import { bars } from "./charts.js";
import { softmax, transpose } from "./mixer.js";
import { colorKey, mosaic, reach, sheet } from "./tables.js";

export const SCENES = `
.mx-scene { position: relative; }
.mx-scene > .mx-row { gap: 8px 10px; align-items: flex-start; margin-bottom: 8px; }
.mx-scene figure { flex: 1 1 0; }
.mx-scene figcaption { min-height: 2.9em; display: flex; flex-direction: column; justify-content: flex-end; }
.mx-scene figcaption span { display: block; }
.mx-operator { flex: 0 0 14px; text-align: center; font-size: 18px; align-self: center; padding-top: 2.2em; color: var(--mx-soft); }
.mx-scene .mx-line { align-self: center; }
.mx-flight { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
@container mx-living (max-width: 560px) {
  .mx-scene figure { flex: 0 1 calc(50% - 5px) !important; min-width: 130px; }
  .mx-operator { display: none; }
}
`;

const sign = (text) => make("span", { class: "mx-operator", "aria-hidden": "true" }, text);
const scene = (...rows) => make("div", { class: "mx-scene" }, ...rows.map((row) => make("div", { class: "mx-row" }, ...row)));
const plain = (text) => text.replace(/<.*?>/g, "");
const caption = (view, text) => { view.firstChild.innerHTML = `<span>${text}</span>`; };
const share = (move, i, count) => Math.max(0, Math.min(1, move * count - i));      // how far part i is when all are at `move`

function wide(node, grow) {
  node.style.flexGrow = grow;
  return node;
}

function line(node) {           // a table of one row, at the height of the arrows
  node.classList.add("mx-line");
  return node;
}

// All scenes by their kinds. `sizes`: as mixer.js takes them, with `classes`.
export function scenes(state, weights, sizes) {
  const [rows, columns] = sizes.grid, [height, width] = sizes.patch, S = rows * columns, D = height * width;
  const [C] = weights["patch_embedding.linear.weight"].shape, K = sizes.classes.length;
  const side = { height: rows * height, width: columns * width };
  const named = (name, view) => Object.assign(view, { figure: figure(name, view.node) });
  const shown = (view, table, top) => view.show((i) => signed(table[i], top));

  const picture = () => {
    const view = grid(state, { name: "patch", rows, columns, cuts: true, ratio: side.width / side.height,
                               label: { name: "patch of the image", of: (s) => `patch ${s} of ${S}` } });
    view.node.classList.add("mx-photo");                // a digit's ground is as black as the dark theme's paper
    return named(`<span>the image: ${side.height} × ${side.width} pixels, cut into <b>${S} patches</b></span>`, Object.assign(view, {
      draw: (pixels) => paint(view.canvas, side.width, side.height, (i) =>
        pixel(Object.assign(pixels, { shape: [1, side.height, side.width] }), i)) }));
  };
  const gray = (view, table) => view.show((i) => [table[i], table[i], table[i], 255]);
  const patchTable = (ratio) => named(`<span>the table: <b>${S} × ${D}</b>, one patch per row</span>`,
    sheet(state, { rows: S, columns: D, row: "patch", column: "entry", ratio, label: "the table of patches" }));
  const tokenTable = (text, label = text, ratio = 1.35) => named(`<span>${text}</span>`,
    sheet(state, { rows: S, columns: C, row: "patch", column: "channel", ratio, label: plain(label) }));

  function image() {
    const whole = picture(), one = grid(state, { name: "entry", rows: height, columns: width, cuts: D <= 256,
      label: { name: "pixel of the patch", of: (d) => `row ${Math.floor(d / width)}, column ${d % width}` } });
    const oneFigure = figure("", one.node);
    one.node.classList.add("mx-photo");
    let patches = null;
    const zoom = ({ patch, hover }) => {
      const s = hover.patch ?? patch;
      caption(oneFigure, `patch <b>${s}</b>: ${height} × ${width} pixels`);
      if (patches) paint(one.canvas, width, height, (i) => { const v = patches[s * D + i]; return [v, v, v, 255]; });
    };
    state.on(["patch"], zoom);
    const node = scene([whole.figure, oneFigure]);
    node.firstChild.style.maxWidth = "760px";
    return { node, move: () => {}, paint(out, pixels) { patches = out.patches; whole.draw(pixels); zoom(state.get()); } };
  }

  function patches() {
    const whole = picture(), table = patchTable(1.35), flight = make("canvas", { class: "mx-flight", "aria-hidden": "true" });
    const node = scene([whole.figure, wide(table.figure, 1.5)]);
    node.append(flight);
    let out = null;
    return {
      node,
      paint(tables, pixels) { out = tables.patches; whole.draw(pixels); gray(table, out); },
      // Each pixel flies from its place in the image to its place in the table, one patch after the other.
      move(move) {
        const flying = move < 1, ink = flight.getContext("2d"), box = flight.getBoundingClientRect();
        flight.style.display = flying ? "" : "none";
        table.canvas.style.opacity = flying ? 0 : 1;
        whole.canvas.style.opacity = flying ? 0.25 : 1;
        if (!flying || !out) return;
        const sharp = devicePixelRatio || 1, place = ({ node: view }) => {
          const { left, top, width: w, height: h } = view.getBoundingClientRect();
          return { x: left - box.left, y: top - box.top, w, h };
        };
        Object.assign(flight, { width: box.width * sharp, height: box.height * sharp });
        ink.scale(sharp, sharp);
        const from = place(whole), to = place(table);
        const [w0, h0, w1, h1] = [from.w / side.width, from.h / side.height, to.w / D, to.h / S];
        for (let s = 0; s < S; s++) {
          const t = Math.max(0, Math.min(1, 2 * move - s / S)), go = t * t * (3 - 2 * t);
          const between = (a, b) => a + (b - a) * go;
          for (let d = 0; d < D; d++) {
            const x = s % columns * width + d % width, y = Math.floor(s / columns) * height + Math.floor(d / width);
            const v = out[s * D + d];
            ink.fillStyle = `rgb(${v},${v},${v})`;
            ink.fillRect(between(from.x + x * w0, to.x + d * w1), between(from.y + y * h0, to.y + s * h1),
                         between(w0, w1) + 0.4, between(h0, h1) + 0.4);
          }
        }
      },
    };
  }

  function tokens() {
    const table = patchTable(0.8), made = tokenTable(`the tokens: <b>${S} × ${C}</b>`, "the tokens", 0.8);
    const key = colorKey("the tokens");
    const kernels = named(`<span>the embedding: <b>${C}</b> detectors of ${height} × ${width} weights, one per channel</span>`,
      mosaic(state, { count: C, rows: height, columns: width, cell: "entry", tile: "channel", ratio: 0.8,
                      label: "the detectors of the embedding" }));
    const matrix = weights["patch_embedding.linear.weight"];
    kernels.show((c, d) => matrix[c * D + d], reach(matrix));
    let now = null, top = 1;
    const move = (part) => {
      for (const view of [table, made]) view.sweep("along", part);
      if (now) made.show((i) => signed(share(part, Math.floor(i / C), S) >= 1 ? now[i] : 0, top));
    };
    return {
      node: scene([table.figure, sign("→"), kernels.figure, sign("→"), made.figure], [key.node]), move,
      paint(out) {
        [now, top] = [out.tokens, reach(out.tokens)];
        gray(table, out.patches);
        key.show(top);
      },
    };
  }

  // Token mixing goes down the columns, channel mixing along the rows.
  function mixing(kind) {
    const down = kind === "token", part = (name, k) => weights[`blocks.${k}.${kind}_mixing.${name}.weight`];
    const [units] = part("fc1", 0).shape;
    const before = tokenTable(`before: the tokens, <b>${S} × ${C}</b>`, "the tokens before");
    const change = tokenTable(`what ${kind} mixing adds`), after = tokenTable("after: the sum", "the tokens after");
    const norm = tokenTable("LayerNorm: each row centered and scaled", "after LayerNorm"), key = colorKey("the upper row");
    const hidden = named(`<span>hidden, after GELU: ${down ? `<b>${units} × ${C}</b>, units as rows`
                                                           : `<b>${S} × ${units}</b>, one column per unit`}</span>`,
      sheet(state, down ? { rows: units, columns: C, row: "unit", column: "channel", label: "the hidden units" }
                        : { rows: S, columns: units, row: "patch", column: "unit", label: "the hidden units" }));
    const kernels = (text) => named(`<span>${text}</span>`, down
      ? mosaic(state, { count: units, rows, columns, cell: "patch", tile: "unit", label: plain(text) })
      : sheet(state, text.startsWith("W1") ? { rows: units, columns: C, row: "unit", column: "channel", label: plain(text) }
                                           : { rows: C, columns: units, row: "channel", column: "unit", label: plain(text) }));
    const [W1, W2] = down ? [kernels(`W1: <b>${units}</b> units, each reads all patches of a column`),
                             kernels(`W2: what each unit writes to the patches`)]
                          : [kernels(`W1: <b>${units} × ${C}</b>, each unit reads all channels of a row`),
                             kernels(`W2: <b>${C} × ${units}</b>, back to the channels`)];
    let now = null, top = 1, shownBlock = null;
    const way = down ? "down" : "along", count = down ? C : S, lane = (i) => down ? i % C : Math.floor(i / C);
    const move = (at) => {
      for (const view of [before, norm, hidden, change, after]) view.sweep(way, at);
      if (!now) return;
      change.show((i) => signed(now.change[i] * share(at, lane(i), count), top));
      after.show((i) => signed(now.before[i] + now.change[i] * share(at, lane(i), count), top));
    };
    return {
      node: scene([before.figure, sign("+"), change.figure, sign("="), after.figure],
                  [norm.figure, sign("→"), W1.figure, sign("→"), hidden.figure, sign("→"), W2.figure], [key.node]), move,
      paint(out, pixels, k) {
        now = out.blocks[k][kind];
        top = reach(now.before, now.change, now.after);
        shown(before, now.before, top);
        shown(norm, now.norm, reach(now.norm));
        shown(hidden, down ? transpose(now.hidden) : now.hidden, reach(now.hidden));
        key.show(top);
        if (k === shownBlock) return;           // the weights stay as they are while one draws
        shownBlock = k;
        const [fc1, fc2] = [part("fc1", k), part("fc2", k)];
        if (down) {
          W1.show((u, s) => fc1[u * S + s], reach(fc1));
          W2.show((u, s) => fc2[s * units + u], reach(fc2));
        } else {
          shown(W1, fc1, reach(fc1));
          shown(W2, fc2, reach(fc2));
        }
      },
    };
  }

  function mean() {
    const before = tokenTable(`the tokens after the last block, <b>${S} × ${C}</b>`, "the last tokens", 0.8);
    const norm = tokenTable("LayerNorm: each row centered and scaled", "after LayerNorm", 0.8), key = colorKey("the mean");
    const made = named(`<span>the mean of the rows: <b>${C}</b> numbers</span>`,
      sheet(state, { rows: 1, columns: C, column: "channel", ratio: 8, label: "the mean" }));
    let now = null, top = 1;
    const move = (at) => {
      norm.sweep("along", at);
      if (!now) return;
      const rows = Math.max(1, Math.round(at * S));     // the mean of the rows that the bar has passed
      const sums = Float32Array.from({ length: C }, (_, c) => {
        let sum = 0;
        for (let s = 0; s < rows; s++) sum += now.norm[s * C + c] / rows;
        return sum;
      });
      shown(made, sums, top);
    };
    return {
      node: scene([before.figure, sign("→"), norm.figure, sign("→"), line(made.figure)], [key.node]), move,
      paint(out) {
        [now, top] = [out, reach(out.mean)];
        const last = out.blocks[out.blocks.length - 1].channel.after;
        shown(before, last, reach(last));
        shown(norm, out.norm, reach(out.norm));
        key.show(top);
      },
    };
  }

  function scores() {
    const given = named(`<span>the mean: <b>${C}</b> numbers</span>`,
      sheet(state, { rows: 1, columns: C, column: "channel", ratio: 8, label: "the mean" }));
    const head = named(`<span>the head: <b>${K} × ${C}</b> weights, one row per class</span>`,
      sheet(state, { rows: K, columns: C, column: "channel", ratio: 0.8, label: "the weights of the head" }));
    const chart = bars({ names: sizes.classes.map(String), width: 330, thick: 32, signed: true, label: "the scores" });
    shown(head, weights["head.weight"], reach(weights["head.weight"]));
    let now = null;
    const move = (at) => {
      if (now) chart.show([...now.scores].map((score) => score * at), { mark: at < 1 ? [] : [best(now.scores)] });
    };
    return {
      node: scene([line(given.figure), sign("→"), head.figure, sign("→"), wide(figure("<span>the scores</span>", chart.node), 1.3)]), move,
      paint(out) {
        now = out;
        shown(given, out.mean, reach(out.mean));
      },
    };
  }

  return { image: image(), patches: patches(), tokens: tokens(), token: mixing("token"), channel: mixing("channel"),
           mean: mean(), scores: scores() };
}

export const best = (scores) => scores.indexOf(Math.max(...scores));

// What the network makes of the scores, in words.
export function reading({ scores }, classes) {
  const k = best(scores);
  return { name: classes[k], score: number(scores[k]), percent: `${number(100 * softmax(scores)[k], 0)}%` };
}
