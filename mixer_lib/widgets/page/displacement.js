// The convolution in token mixing: what a place takes, on average, from the place at each displacement, for each block of
// some models and along their training. A displacement and a place flow through all views: the kernel, all pairs of
// places with that displacement, the row of the token map of one place, and the kernel moved to that place.

import { choices, colorScale, current, figure, grid, make, number, paint, signed, widget } from "./kit.js";
import { bars } from "./charts.js";
import { TIMELINE_STYLE, blended, thousands, timeline, track } from "./timeline.js";

const DISPLACEMENT_STYLE = `
.mx-blocks { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: flex-end; margin: 0 0 6px; }
.mx-blocks > span { flex: 0 0 84px; font-size: 12px; line-height: 1.3; align-self: center; }
.mx-blocks > span small { color: var(--mx-soft); font-size: 11px; }
.mx .mx-blocks button { border: 0; border-radius: 4px; margin: 0; padding: 4px 4px 1px; font-size: 12px; line-height: 1.25; }
.mx .mx-blocks button[aria-pressed="true"] { background: var(--mx-fill); color: inherit;
                                             box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-blocks canvas { display: block; image-rendering: pixelated; box-shadow: 0 0 0 1px var(--mx-line); margin-bottom: 2px; }
.mx .mx-fields { gap: 8px 16px; margin-top: 8px; }
.mx-fields > figure { flex: 1 1 170px; }
.mx .mx-fields > figure:first-child { flex-grow: 1.25; }
.mx-fields figcaption { min-height: 2.9em; line-height: 1.45; }
.mx-home { fill: none; stroke: var(--mx-ink); stroke-width: 1.2px; vector-effect: non-scaling-stroke; }
.mx-pair { stroke: var(--mx-ink); stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
.mx-below { margin-top: 10px; }
.mx-below > figure { flex: 1 1 230px; }
.mx-below > figure svg { display: block; width: 100%; overflow: visible; }
.mx .mx-moments { margin: 10px 0 8px; }
.mx-moments > .mx-time { flex: 1 1 440px; margin: 0; }
.mx-itself { margin-left: 8px; color: var(--mx-soft); white-space: nowrap; }
.mx-gone { display: none !important; }
`;
const NOBODY = [128, 128, 128, 64];                     // where there is no such place on the grid
const BINS = 25, WIDE = 280, HIGH = 130;                // of the histogram

export default widget((root, { facts, ...data }, state) => {
  const models = facts.models.map((about, i) => {
    const { [`kernels${i}`]: kernels, [`shares${i}`]: shares, [`maps${i}`]: maps, [`scales${i}`]: scales,
            [`tops${i}`]: tops } = data;
    const [H, W] = about.grid, [moments, L] = kernels.shape, w = 2 * W - 1, size = (2 * H - 1) * w;
    return { ...about, kernels, shares, maps, scales, tops, H, W, S: H * W, moments, L, h: 2 * H - 1, w, size,
             home: (H - 1) * w + W - 1 };
  });
  const of = (now) => models[now.model];
  const moment = (model, t) => Math.min(t, model.moments - 1);

  // The picture of a block at the moment t; what a place takes from itself, only where that is shown.
  function kernel(model, block, t, own) {
    const at = (m) => model.kernels.subarray((m * model.L + block) * model.size).subarray(0, model.size);
    const m = Math.floor(t), share = t - m, values = Float32Array.from(at(m));
    if (share) { const next = at(m + 1); for (let i = 0; i < model.size; i++) values[i] += share * (next[i] - values[i]); }
    if (!own) values[model.home] = 0;
    return values;
  }
  // Its share of convolution: [trained, relabeled] with what a place takes from itself, then without.
  const share = (model, block, line) => Array.from({ length: model.moments }, (_, m) =>
    model.shares[(m * model.L + block) * 4 + line]);
  const entry = (model, block, s, t) =>
    (model.maps[(block * model.S + s) * model.S + t] - 128) * model.scales[block * model.S + s];
  const said = (value, digits = 2) => (Number.isFinite(value) ? number(value, digits) : "\u2013");
  const fine = (value) => said(value, Math.abs(value) >= 0.1 ? 2 : 3);

  // ---- the blocks of all models ----
  const tiles = models.flatMap((model, i) => Array.from({ length: model.L }, (_, block) => {
    const canvas = make("canvas", { "aria-hidden": "true" }), text = make("span"), zoom = Math.max(1, Math.round(62 / model.w));
    Object.assign(canvas.style, { width: `${zoom * model.w}px`, height: `${zoom * model.h}px` });
    const node = make("button", { type: "button", click: () => state.pick({ model: i, block }),
                                  "aria-label": `${model.name}, block ${block}` }, canvas, text);
    return { node, canvas, text, model, i, block };
  }));
  const rows = models.map((model, i) => make("div", { class: "mx-blocks", role: "group", "aria-label": model.name },
    make("span", {}, model.name, make("br"), make("small", {}, "block, share")),
    ...tiles.filter((tile) => tile.i === i).map(({ node }) => node)));

  // ---- the grids ----
  const down = (d) => (d ? `${Math.abs(d)} ${d < 0 ? "up" : "down"}` : ""), right = (d) => (d ? `${Math.abs(d)} ${d < 0 ? "left" : "right"}` : "");
  const words = ({ down: d, right: r }) => [down(d), right(r)].filter(Boolean).join(", ") || "itself";
  const here = (now) => ({ down: current(now, "down"), right: current(now, "right"), place: current(now, "place") });
  const inKernel = (model, { down: d, right: r }) =>
    (Math.abs(d) < model.H && Math.abs(r) < model.W ? (d + model.H - 1) * model.w + r + model.W - 1 : -1);
  const target = (model, s, { down: d, right: r }) => {          // the place there from s, or -1
    const row = Math.floor(s / model.W) + d, column = s % model.W + r;
    return row >= 0 && row < model.H && column >= 0 && column < model.W ? row * model.W + column : -1;
  };
  const between = (model, s, t) => ({ down: Math.floor(t / model.W) - Math.floor(s / model.W), right: t % model.W - s % model.W });
  const first = of(state.get());
  const large = grid(state, { name: ["down", "right"], rows: first.h, columns: first.w,
    to: (cell) => { const model = of(state.get()); return { down: Math.floor(cell / model.w) - model.H + 1, right: cell % model.w - model.W + 1 }; },
    from: (chosen) => inKernel(of(state.get()), chosen),
    label: { name: "displacement", of: () => words(state.get()) } });
  const pairs = grid(state, { name: "place", rows: first.H, columns: first.W,
    label: { name: "place", of: (s) => `row ${Math.floor(s / of(state.get()).W)}, column ${s % of(state.get()).W}` } });
  const beside = (name) => grid(state, { name: ["down", "right"], rows: first.H, columns: first.W,
    to: (t) => between(of(state.get()), current(state.get(), "place"), t),
    from: (chosen) => target(of(state.get()), current(state.get(), "place"), chosen),
    label: { name, of: () => words(state.get()) } });
  const row = beside("entry of the row"), moved = beside("weight of the moved kernel"), fields = [large, pairs, row, moved];
  const homes = [large, row, moved].map((view) => {              // where a place takes from itself
    const ring = make("svg:rect", { class: "mx-home", width: 1, height: 1 });
    view.node.querySelector("svg").prepend(ring);
    return ring;
  });
  const line = make("svg:line", { class: "mx-pair" }), other = make("svg:rect", { class: "mx-home", width: 1, height: 1 });
  pairs.node.querySelector("svg").append(line, other);
  const figures = fields.map((view) => figure("", view.node)), colors = colorScale({ digits: 3, beyond: true });
  figures[0].append(colors.node);

  // ---- shares, training, spread ----
  const shares = bars({ names: ["with itself", "relabeled", "without itself", "relabeled"], top: 1, width: 260,
                        label: "share of convolution" });
  const sharesFigure = figure("", shares.node);
  const tracks = models.map((model) => {
    if (model.moments < 2) return null;
    const time = timeline(state, model.steps), chart = track(state, time, { title: "share of convolution", low: 0, high: model.high, height: 140 });
    return { time, chart };
  });
  const itself = make("span", { class: "mx-itself" }), histogram = make("svg:svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img" }), spreadFigure = figure("", histogram);
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  root.append(make("style", {}, TIMELINE_STYLE + DISPLACEMENT_STYLE), ...rows,
    make("div", { class: "mx-controls mx-moments" }, make("div", {}, choices(state, "own", "from itself",
         { "left out": false, shown: true }), itself), ...tracks.flatMap((one) => (one ? [one.time.node] : []))),
    make("div", { class: "mx-row mx-fields" }, ...figures), say,
    make("div", { class: "mx-row mx-below" }, spreadFigure, sharesFigure, ...tracks.flatMap((one) => (one ? [one.chart.node] : []))));

  const put = (rect, cell, columns) => {
    rect.style.display = cell < 0 ? "none" : "";
    rect.setAttribute("x", cell % columns);
    rect.setAttribute("y", Math.floor(cell / columns));
  };

  let before = state.get(), kept = {};
  state.on(["model", "block"], (now) => {
    const model = of(now), moves = before.model !== now.model;
    [[large, model.h, model.w], ...[pairs, row, moved].map((view) => [view, model.H, model.W])].forEach(([view, h, w]) => {
      view.shape(h, w);
      view.node.style.aspectRatio = w / h;
    });
    tracks.forEach((one, i) => {
      if (!one) return;
      if (i !== now.model) one.time.pause();
      for (const { node } of [one.time, one.chart]) node.classList.toggle("mx-gone", i !== now.model);
    });
    if (moves) {                                        // the same displacement, if there is room, and the place in the middle
      const near = (d, most) => Math.max(-most, Math.min(d, most));
      const old = models[before.model];
      const [r, c] = [Math.floor(now.place / old.W) / old.H, now.place % old.W / old.W];
      before = now;
      state.pick({ at: model.moments - 1, down: near(now.down, model.H - 1), right: near(now.right, model.W - 1),
                   place: Math.floor(r * model.H) * model.W + Math.floor(c * model.W) });
    }
    before = now;
    const chosen = state.get();                         // the same numbers lie elsewhere on another grid
    for (const [view, cell] of [[large, inKernel(model, chosen)], [pairs, chosen.place]])
      for (const kind of ["halo", "mark"]) view.place(view.node.querySelector(`.mx-${kind}`), cell);
  });

  state.on(["model", "block", "own", "at"], (now) => {
    for (const { node, canvas, text, model, i, block } of tiles) {
      const mine = i === now.model, t = mine ? moment(model, current(now, "at")) : model.moments - 1;
      const values = kernel(model, block, t, now.own), part = blended(share(model, block, now.own ? 0 : 2), t);
      paint(canvas, model.w, model.h, (c) => signed(values[c], model.tops[block]));
      text.innerHTML = `<b>${block}</b> &nbsp;${said(part)}`;
      node.setAttribute("aria-pressed", String(mine && block === now.block));
    }
    const model = of(now), t = moment(model, current(now, "at")), lines = [0, 1, 2, 3].map((line) => share(model, now.block, line));
    const four = lines.map((values) => blended(values, t));
    shares.show(four.map((value) => (Number.isFinite(value) ? value : 0)));
    sharesFigure.firstChild.innerHTML = `<b>block ${now.block}</b>: share of convolution, and ` +
      `with the places relabeled at random; by chance ${said(model.chance[now.own ? 0 : 1], 3)}`;
    const shown = tracks[now.model];
    if (!shown) return;
    const [main, control] = now.own ? lines : lines.slice(2);
    shown.chart.show({ [`block ${now.block}`]: main, relabeled: control, chance: main.map(() => model.chance[now.own ? 0 : 1]) },
                     Array.from({ length: model.L }, (_, block) => share(model, block, now.own ? 0 : 2)));
    shown.chart.move(t);
    shown.chart.node.firstChild.innerHTML = `<b>share of convolution</b> of block ${now.block} during training, ` +
      `${now.own ? "with" : "without"} itself; pale: the other blocks`;
  });

  state.on(["model", "block", "own", "at", "down", "right", "place"], (now) => {
    const model = of(now), { block } = now, { H, W, S } = model, top = model.tops[block], at = here(now);
    const t = moment(model, current(now, "at")), values = kernel(model, block, t, now.own);
    const end = kernel(model, block, model.moments - 1, now.own), s = Math.min(at.place, S - 1);
    const cell = inKernel(model, at), partner = target(model, s, at);

    // The kernel.
    paint(large.canvas, model.w, model.h, (c) => signed(values[c], top));
    colors.show(top);
    put(homes[0], model.home, model.w);
    const middle = kernel(model, block, t, true)[model.home];
    figures[0].firstChild.innerHTML = `<b>block ${block}</b>: what a place takes, on average, by displacement`;
    itself.textContent = `${fine(middle)}${Math.abs(middle) > top ? ", beyond the colors" : ""}`;

    // All pairs of places with that displacement, and the row of one place.
    const those = Array.from({ length: S }, (_, from) => target(model, from, at));
    const entries = those.flatMap((to, from) => (to < 0 ? [] : [entry(model, block, from, to)]));
    paint(pairs.canvas, W, H, (from) => (those[from] < 0 ? NOBODY : signed(entry(model, block, from, those[from]), top)));
    put(other, partner, W);
    line.style.display = partner < 0 || partner === s ? "none" : "";
    for (const [name, place] of [["1", s], ["2", partner]]) {
      line.setAttribute(`x${name}`, place % W + 0.5);
      line.setAttribute(`y${name}`, Math.floor(place / W) + 0.5);
    }
    const row_ = Float32Array.from({ length: S }, (_, to) => (to === s && !now.own ? 0 : entry(model, block, s, to)));
    const moved_ = row_.map((_, to) => end[inKernel(model, between(model, s, to))]);
    for (const [view, numbers, ring] of [[row, row_, homes[1]], [moved, moved_, homes[2]]]) {
      paint(view.canvas, W, H, (to) => signed(numbers[to], top));
      put(ring, s, W);
      for (const kind of ["halo", "mark"]) view.place(view.node.querySelector(`.mx-${kind}`), partner);
      view.place(view.node.querySelector(".mx-hover"), -1);
    }
    const name = `row ${Math.floor(s / W)}, column ${s % W}`, late = t < model.moments - 1 ? " in the end" : "";
    figures[1].firstChild.innerHTML = `<b>${words(at)}</b>: what each place takes from there${late}`;
    figures[2].firstChild.innerHTML = `<b>${name}</b>: what this place takes from each${late}`;
    figures[3].firstChild.innerHTML = `the kernel, moved to that place: correlation <b>${said(correlation(row_, moved_, now.own ? -1 : s))}</b>`;

    // Their spread.
    const mean = entries.reduce((a, b) => a + b, 0) / entries.length;
    const deviation = Math.sqrt(entries.reduce((a, b) => a + (b - mean) ** 2, 0) / entries.length);
    const most = Math.max(top, ...entries.map(Math.abs));
    draw(entries, others(model, block), most, mean, deviation);
    spreadFigure.firstChild.innerHTML = `<b>${words(at)}</b>: how its pairs spread (bars), and the pairs ` +
      "of all displacements (line)";
    histogram.setAttribute("aria-label", `mean ${fine(mean)}, standard deviation ${fine(deviation)}`);
    const alike = entries.filter((value) => Math.sign(value) === Math.sign(mean)).length;
    say.innerHTML = `<b>${words(at)}</b>: ${entries.length === 1 ? "the one pair takes" : `${entries.length} pairs take`} ` +
      `<b>${fine(mean)}</b> on average (standard deviation ${fine(deviation)})` +
      (entries.length === 1 ? ". " : `, ${alike} of them with the sign of the mean. `) + `${partner < 0 ? `From ${name}, there is no place there.`
        : `The place in ${name} takes <b>${fine(entry(model, block, s, partner))}</b>.`}` +
      (t < model.moments - 1 && cell >= 0 ? ` After ${thousands(Math.round(blended(model.steps, t)))} updates the mean was ` +
        `${fine(kernel(model, block, t, true)[cell])}.` : "");
  });

  function correlation(a, b, without) {
    const keep = [...a.keys()].filter((i) => i !== without), mean = (values) => keep.reduce((sum, i) => sum + values[i], 0) / keep.length;
    const [ma, mb] = [mean(a), mean(b)], sum = (f) => keep.reduce((total, i) => total + f(i), 0);
    return sum((i) => (a[i] - ma) * (b[i] - mb)) / Math.sqrt(sum((i) => (a[i] - ma) ** 2) * sum((i) => (b[i] - mb) ** 2));
  }

  function others(model, block) {                       // the entries of two different places
    if (kept.model === model && kept.block === block) return kept.values;
    const values = new Float32Array(model.S * (model.S - 1));
    for (let s = 0, i = 0; s < model.S; s++) for (let t = 0; t < model.S; t++) if (s !== t) values[i++] = entry(model, block, s, t);
    kept = { model, block, values };
    return values;
  }

  function draw(entries, all, most, mean, deviation) {
    const X = (value) => 6 + (value / most + 1) / 2 * (WIDE - 12), floor = HIGH - 20, wide = (WIDE - 12) / BINS;
    const counted = (values) => {
      const bins = new Float32Array(BINS);
      for (const value of values) {
        const bin = Math.floor((value / most + 1) / 2 * BINS);
        if (bin >= 0 && bin <= BINS) bins[Math.min(bin, BINS - 1)] += 1 / (values.length || 1);
      }
      return bins;
    };
    const [mine, theirs] = [counted(entries), counted(all)], full = (floor - 14) / Math.max(...mine, ...theirs);
    const middle = (BINS - 1) / 2;
    histogram.replaceChildren(
      ...[...mine].map((part, i) => make("svg:rect", { x: 6 + i * wide + 0.5, width: wide - 1, y: floor - part * full, height: part * full,
        fill: i < middle ? "var(--mx-minus)" : i > middle ? "var(--mx-plus)" : "var(--mx-soft)" })),
      make("svg:path", { fill: "none", stroke: "var(--mx-ink)", "stroke-width": 1.2,
        d: `M6 ${floor}${[...theirs].map((part, i) => `V${(floor - part * full).toFixed(1)}H${(6 + (i + 1) * wide).toFixed(1)}`).join("")}V${floor}` }),
      make("svg:line", { x1: 6, x2: WIDE - 6, y1: floor, y2: floor, stroke: "var(--mx-line)" }),
      make("svg:line", { x1: X(mean - deviation), x2: X(mean + deviation), y1: 5, y2: 5, stroke: "var(--mx-ink)", "stroke-width": 1.5 }),
      make("svg:circle", { cx: X(mean), cy: 5, r: 3.5, fill: "var(--mx-ink)" }),
      ...[-most, 0, most].map((value, i) => make("svg:text", { x: X(value), y: HIGH - 5, class: "mx-soft",
        "text-anchor": ["start", "middle", "end"][i] }, value ? fine(value) : "0")));
  }

  return () => tracks.forEach((one) => one?.time.end());
});
