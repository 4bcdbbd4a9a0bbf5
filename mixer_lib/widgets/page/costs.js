// Where a Mixer's parameters and its work lie: a slider per size, a bar per part, and the model as a dot among those of
// the paper, which one can pick. Python has counted what each part costs with each option; here the counts are added up.

import { current, figure, make, slider, widget } from "./kit.js";

const SIZES = { patch_size: "patch_size P", num_blocks: "num_blocks L", hidden_dim: "hidden_dim C",
                tokens_mlp_dim: "tokens_mlp_dim", channels_mlp_dim: "channels_mlp_dim" };
const LOOK = `
.mx-cost { display: grid; grid-template-columns: 118px repeat(2, 1fr 92px); gap: 0 10px; align-items: center; width: 100%;
           padding: 4px 8px; text-align: left; }
.mx button.mx-cost { border: 0; border-radius: 4px; padding: 5px 8px; margin: 0; }
.mx button.mx-cost[aria-pressed="true"] { background: transparent; color: inherit; box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-cost span:last-child, .mx-cost .mx-count { text-align: right; white-space: nowrap; }
.mx-cost div { height: 16px; background: var(--mx-fill); }
.mx-cost div i { display: block; height: 100%; background: var(--mx-ink); opacity: .75; transition: width .25s; }
.mx-cost em { grid-column: span 2; font-style: normal; color: var(--mx-soft); }
.mx-cost em b { color: var(--mx-ink); font-size: 16px; }
.mx-place { cursor: pointer; outline: none; }
.mx-place text { paint-order: stroke; stroke: var(--mx-paper); stroke-width: 4px; }   /* a grid line behind a name */
.mx-place circle { fill: var(--mx-soft); }
.mx-place:hover circle, .mx-place:focus-visible circle { stroke: var(--mx-ink); stroke-width: 3px; }
.mx-you { transition: transform .3s; }
@container (max-width: 620px) {
  .mx-cost { grid-template-columns: 1fr 84px; }
  .mx-cost > span:first-child, .mx-cost em { grid-column: span 2; } }
`;

export default widget((root, { facts }, state) => {
  const { options, models, costs, image_size: side } = facts, nothing = {};
  const whats = Object.keys(costs), parts = Object.keys(costs[whats[0]]);
  for (const size of Object.keys(SIZES)) nothing[size] = null;
  const widthOf = { "token mixing": "tokens_mlp_dim", "channel mixing": "channels_mlp_dim" };
  const sizesOf = (now) => Object.fromEntries(Object.keys(SIZES).map((size) => [size, current(now, size)]));

  // {what: {part: count}} of a model; that of a mixing is one block's, times the number of blocks.
  function count(sizes) {
    const at = (size) => options[size].indexOf(sizes[size]);
    return Object.fromEntries(whats.map((what) => [what, Object.fromEntries(parts.map((part) => {
      const table = costs[what][part][at("patch_size")][at("hidden_dim")];
      return [part, widthOf[part] ? sizes.num_blocks * table[at(widthOf[part])] : table];
    }))]));
  }
  const totals = (counts) => whats.map((what) => parts.reduce((sum, part) => sum + counts[what][part], 0));
  const full = (value) => Math.round(value).toLocaleString("en-US");
  const UNITS = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"], [1, ""]];
  function brief(value, digits = 3) {
    const [unit, letter] = UNITS.find(([one]) => value >= one) ?? UNITS.at(-1), few = value / unit;
    return `${few >= 10 ** digits ? Math.round(few) : few.toPrecision(digits)}${letter}`;
  }
  const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`);
  const nameOf = (sizes) => Object.keys(models).find((name) =>
    Object.keys(SIZES).every((size) => models[name][size] === sizes[size]));

  // ---- the bars ----------------------------------------------------------------------------------------------

  const rows = parts.map((part) => {
    const cells = whats.map(() => ({ bar: make("i", { style: "width: 0" }), text: make("span", { class: "mx-count" }) }));
    const row = make("button", { type: "button", class: "mx-cost", click: () => state.pick({ part }),
                                 pointerenter: () => state.hover({ part }), pointerleave: () => state.hover({ part: null }) },
                     make("span", {}, part), ...cells.flatMap(({ bar, text }) => [make("div", {}, bar), text]));
    return { part, row, cells };
  });
  const sums = whats.map((what) => ({ what, text: make("b") }));
  const head = make("div", { class: "mx-cost" }, make("span", {}), ...sums.map(({ what, text }) =>
    make("em", {}, text, ` ${what}`)));

  // The totals count up or down to their new values; `shown` is what stands there now.
  let shown = null, frame = null;
  function run(target) {
    const from = shown ?? target, start = performance.now(), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    cancelAnimationFrame(frame);
    const step = (time) => {
      const share = still || !shown ? 1 : Math.min(Math.max((time - start) / 250, 0), 1);
      shown = target.map((value, i) => from[i] + share * (value - from[i]));
      sums.forEach(({ text }, i) => { text.textContent = full(shown[i]); });
      if (share < 1) frame = requestAnimationFrame(step);
    };
    step(start);
  }

  // ---- the plane of all models: parameters to the right, work up, both in powers of ten --------------------

  const every = [0, -1].map((end) => totals(count(Object.fromEntries(Object.keys(SIZES).map((size) =>
    [size, options[size].at(size === "patch_size" ? -1 - end : end)])))));        // small patches make the most work
  const ends = whats.map((_, i) => [Math.floor(Math.log10(every[0][i])), Math.ceil(Math.log10(every[1][i]))]);
  const wide = 340, high = 235, edge = { left: 60, right: 14, top: 8, bottom: 38 };
  const along = (value, [low, top]) => (Math.log10(value) - low) / (top - low);
  const X = (value) => edge.left + along(value, ends[0]) * (wide - edge.left - edge.right);
  const Y = (value) => high - edge.bottom - along(value, ends[1]) * (high - edge.top - edge.bottom);
  const word = (x, y, text, more = {}) => make("svg:text", { x, y, "dominant-baseline": "central", ...more }, text);
  const plane = make("svg:svg", { viewBox: `0 0 ${wide} ${high}`, style: "display: block; width: 100%; max-width: 430px" });
  const decades = (i) => Array.from({ length: ends[i][1] - ends[i][0] + 1 }, (_, k) => 10 ** (ends[i][0] + k));
  for (const value of decades(0)) plane.append(
    make("svg:line", { x1: X(value), x2: X(value), y1: edge.top, y2: high - edge.bottom, stroke: "var(--mx-line)" }),
    word(X(value), high - 26, brief(value, 1), { "text-anchor": "middle", class: "mx-soft" }));
  for (const value of decades(1)) plane.append(
    make("svg:line", { x1: edge.left, x2: wide - edge.right, y1: Y(value), y2: Y(value), stroke: "var(--mx-line)" }),
    word(edge.left - 6, Y(value), brief(value, 1), { "text-anchor": "end", class: "mx-soft" }));
  plane.append(word((edge.left + wide - edge.right) / 2, high - 8, "parameters", { "text-anchor": "middle" }),
    word(0, 0, "MACs per image", { "text-anchor": "middle",
                                   transform: `translate(9 ${(edge.top + high - edge.bottom) / 2}) rotate(-90)` }));
  const you = make("svg:g", { class: "mx-you" }, make("svg:circle", { class: "mx-halo", r: 8 }),
                   make("svg:circle", { class: "mx-mark", r: 8 }));
  plane.append(you);            // below the models, so that theirs can be picked
  for (const [name, sizes] of Object.entries(models)) {
    const [parameters, work] = totals(count(sizes)), left = !name.endsWith("/32");      // where its name has room
    plane.append(make("svg:g", { class: "mx-place", tabindex: 0, role: "button", "aria-label": `Mixer-${name}`,
      click: () => state.pick(sizes), pointerenter: () => state.hover(sizes), pointerleave: () => state.hover(nothing),
      keydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        state.pick(sizes);
      } },
      make("svg:circle", { cx: X(parameters), cy: Y(work), r: 3.5 }),
      make("svg:rect", { x: X(parameters) - (left ? 40 : 9), y: Y(work) - 11, width: 49, height: 22, fill: "transparent" }),
      word(X(parameters) + (left ? -10 : 10), Y(work), name, { "text-anchor": left ? "end" : "start" })));
  }

  // ---- with facts.training: what it costs to train the model ------------------------------------------------

  const training = facts.training, time = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  const more = training ? [
    slider(state, "images", "images seen", { values: training.images, say: (n) => brief(n, 2) }),
    slider(state, "devices", "GPUs", { values: training.devices })] : [];
  function long(seconds) {
    const [unit, name] = [[365.25 * 86400, "years"], [86400, "days"], [3600, "hours"], [60, "minutes"], [1, "seconds"]]
      .find(([one]) => seconds >= 2 * one) ?? [1, "seconds"];
    const many = seconds / unit;
    return `${many >= 100 ? Math.round(many).toLocaleString("en-US") : many.toPrecision(2)} ${name}`;
  }

  const title = figure("", plane);
  const controls = make("div", { style: "display: grid; gap: 10px; flex: none; justify-items: start" },
    ...Object.entries(SIZES).map(([size, text]) => slider(state, size, text, { values: options[size] })), ...more);
  for (const control of controls.children) {
    control.firstChild.style.width = "122px";
    control.querySelector("input").style.width = "136px";
  }
  title.style.cssText += "min-width: min(300px, 100%)";
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  root.append(make("style", {}, LOOK),
    make("div", { class: "mx-row", style: "align-items: center; gap: 10px 40px" }, controls, title),
    make("div", { class: "mx-box", style: "margin-top: 12px; display: grid; gap: 3px" }, head,
         ...rows.map(({ row }) => row)), say, ...(training ? [time] : []));

  state.on([...Object.keys(SIZES), "part"], (now) => {
    const sizes = sizesOf(now), counts = count(sizes), sum = totals(counts);
    const name = nameOf(sizes), chosen = current(now, "part");
    rows.forEach(({ part, row, cells }) => {
      row.setAttribute("aria-pressed", String(now.part === part));
      cells.forEach(({ bar, text }, i) => {
        const share = counts[whats[i]][part] / sum[i];
        bar.style.width = `${100 * share}%`;
        text.innerHTML = `<b>${percent(share)}</b> · ${brief(counts[whats[i]][part])}`;
      });
    });
    if (!shown || sum.some((value, i) => value !== shown[i])) run(sum);
    you.style.transform = `translate(${X(sum[0])}px, ${Y(sum[1])}px)`;
    title.firstChild.innerHTML = `${name ? `<b>Mixer-${name}</b>` : "your model"} among the paper's models: pick one`;
    plane.setAttribute("aria-label", `${full(sum[0])} parameters, ${full(sum[1])} MACs`);
    const [parameters, work] = whats.map((what) => counts[what][chosen]), L = sizes.num_blocks;
    const blocks = widthOf[chosen] ? ` (${L} block${L > 1 ? "s" : ""} × ${full(parameters / L)})` : "";
    say.innerHTML = `<b>${chosen}</b>: ${full(parameters)} parameters${blocks} and ${full(work)} MACs per image of ` +
      `${side} × ${side} pixels. On average, each parameter works ${brief(work / parameters)} times per image.`;
  });
  if (training) state.on([...Object.keys(SIZES), "images", "devices"], (now) => {
    const macs = totals(count(sizesOf(now)))[1], { images, devices } = now;
    const work = images * training.passes * macs, seconds = work / (devices * training.peak * training.share);
    const [digits, power] = work.toExponential(1).split("e+");
    time.innerHTML = `Training on <b>${brief(images, 2)}</b> images takes ${digits} · 10<sup>${power}</sup> FLOPs: ` +
      `<b>${long(seconds)}</b> on ${devices} GPU${devices > 1 ? "s" : ""} that ${devices > 1 ? "reach" : "reaches"} ` +
      `${percent(training.share)} of a peak of ${Math.round(training.peak / 1e12)} · 10<sup>12</sup> FLOP/s.`;
  });
  return () => cancelAnimationFrame(frame);
});
