// A network whose parts can be switched off: its blocks as a stack, the accuracy, and the images whose prediction
// changes. What one part does is known from the beginning; several parts and single hidden units are asked of the kernel.

import { choices, current, figure, make, number, paint, pixel, slider, widget, write } from "./kit.js";
import { STACK_STYLE, stack } from "./stack.js";

const ROOM = 24, THUMB = 64, NAMES = 30, GAP = [6, 8], HIGH = 360;       // thumbnails at most; pixels of one, and of its names

const SWITCHES_STYLE = `
.mx-switches { flex-wrap: wrap; }
.mx-results { flex: 1 1 300px; min-width: 0; transition: opacity .15s; }
.mx-accuracy button { padding: 0 7px; white-space: nowrap; } .mx-accuracy button:disabled { border-color: transparent; cursor: default; }
.mx-accuracy { display: grid; grid-template-columns: 108px 1fr 104px; gap: 8px; align-items: center; margin: 3px 0; }
.mx-accuracy > div { height: 14px; box-shadow: 0 0 0 1px var(--mx-line); }
.mx-accuracy > div > div { height: 100%; background: var(--mx-soft); transform-origin: left; transition: transform .25s; }
.mx-accuracy.mx-now > div > div { background: var(--mx-ink); }
.mx-result { display: flex; flex-wrap: wrap; gap: 12px 20px; margin-top: 12px; }
.mx .mx-classes { flex: 0 0 204px; } .mx .mx-pictures { flex: 1 1 250px; }
.mx-class { display: grid; grid-template-columns: 78px 1fr 56px; gap: 6px; align-items: center; width: 100%;
            font-size: 12px; line-height: 19px; cursor: pointer; padding: 0 2px; }
.mx .mx-class, .mx .mx-class:first-of-type, .mx .mx-class:last-of-type { border: 0; border-radius: 0; margin: 0;
                                                                         text-align: left; padding: 0 2px; }
.mx .mx-class[aria-pressed="true"] { background: transparent; color: inherit; box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-class > span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.mx-class i { position: relative; display: block; height: 9px; box-shadow: 0 0 0 1px var(--mx-line); }
.mx-class i b { position: absolute; inset: 0; background: var(--mx-ink); transform-origin: left; transition: transform .25s; }
.mx-class i u { position: absolute; top: -3px; bottom: -3px; width: 2px; margin-left: -1px;
                 background: var(--mx-soft); }
.mx-thumbs { display: grid; grid-template-columns: repeat(auto-fill, minmax(${THUMB}px, 1fr)); gap: ${GAP[0]}px ${GAP[1]}px; align-content: start;
             grid-auto-rows: max-content; height: ${HIGH}px; overflow: hidden; }
.mx-thumbs > div { font-size: 11px; line-height: 14px; min-width: 0; }
.mx-thumbs > div > div { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.mx-thumbs canvas { display: block; width: 100%; image-rendering: pixelated; margin-bottom: 2px; }
.mx-asks { min-height: 1.5em; color: var(--mx-soft); }
.mx-asks span { opacity: 0; } .mx-asks.mx-on span { opacity: 1; transition: opacity .1s .2s; }
.mx-results.mx-waits { transition: opacity .15s .2s; }
.mx-unit { margin-top: 10px; } .mx-unit .mx-off { opacity: .4; }
`;

export default widget((root, { facts, images, labels, predictions }, state) => {
  const { classes, parts, units } = facts, N = labels.length, L = facts.blocks, [, channels, height, width] = images.shape;
  const codes = (off) => off.split(" ").filter(Boolean);
  const known = new Map(facts.known.map((off, i) => [off, { predicted: predictions.subarray(i * N, (i + 1) * N) }]));
  const before = known.get("").predicted, everyone = Array.from({ length: N }, (_, i) => i);

  // The parts that are off as one text, in one order, as Python writes them: block, then kind, then number.
  const written = (list) => list.sort((a, b) => {
    const [[, ka, pa, ua], [, kb, pb, ub]] = [a, b].map((code) => code.match(/^(\d+)(\D)(\d*)$/));
    return ka - kb || (pa < pb ? -1 : pa > pb ? 1 : ua - ub);
  }).join(" ");
  const toggled = (off, code) => {
    const rest = codes(off).filter((one) => one !== code);
    return written(rest.length < codes(off).length ? rest : [...rest, code]);
  };
  const shownOff = (now) => (now.hover.off != null && known.has(now.hover.off) ? now.hover.off : now.off);

  const share = (code) => known.get(code).predicted.reduce((sum, is, i) => sum + (is === labels[i]), 0) / N;
  const network = stack(state, { parts, L, right: share, toggled });

  // ---- the unit ----
  const unit = slider(state, "unit", "unit", { high: Math.max(units - 1, 0) });
  const one = make("button", { type: "button", click: () => {
    const { off, block, unit } = state.get();
    state.pick({ off: toggled(off, `${block}u${unit}`) });
  } });
  const units_ = make("div", { class: "mx-controls mx-unit" },
    choices(state, "block", "a hidden unit of",
            { none: -1, ...Object.fromEntries(Array.from({ length: L }, (_, k) => [`block ${k}`, k])) }),
    unit, one);
  units_.hidden = !units;

  // ---- what it does ----
  const all = make("button", { type: "button", click: () => state.pick({ off: "" }) }, "everything on");
  const bar = (name, kind) => {
    const fill = make("div"), value = make("span");
    return { node: make("div", { class: `mx-accuracy ${kind}` }, make("span", {}, name), make("div", {}, fill), value), fill, value };
  };
  const bars = [bar("everything on", ""), bar("as switched", "mx-now")];
  bars[0].node.firstChild.replaceChildren(all);
  const rows = classes.slice(0, 20).map((name, c) => {
    const fill = make("b"), tick = make("u"), value = make("span");
    const row = make("button", {
      type: "button", class: "mx-class", click: () => state.pick({ truth: state.get().truth === c ? -1 : c }),
      pointerenter: (event) => { if (event.pointerType !== "touch") state.hover({ truth: c }); },
      pointerleave: () => state.hover({ truth: null }) }, make("span", {}, name), make("i", {}, fill, tick), value);
    return { row, fill, tick, value };
  });
  const thumbs = Array.from({ length: ROOM }, () => {
    const canvas = make("canvas", { width, height }), was = make("div"), is = make("div");
    return { node: make("div", {}, canvas, was, is), canvas, was, is, image: -1 };
  });
  const grid = make("div", { class: "mx-thumbs" }, ...thumbs.map(({ node }) => node)), changedFigure = figure("", grid);
  // Whole rows only: one that is cut would show pictures without their names.
  const fits = () => {
    const width = grid.clientWidth, across = Math.max(1, Math.floor((width + GAP[1]) / (THUMB + GAP[1])));
    const side = (width - (across - 1) * GAP[1]) / across, rows = Math.floor((HIGH + GAP[0]) / (side + NAMES + GAP[0]));
    return across * Math.max(1, rows);
  };
  let room = ROOM;
  const sized = new ResizeObserver(() => {
    room = fits();
    draw(state.get());
  });
  sized.observe(grid);
  changedFigure.classList.add("mx-pictures");
  const classFigure = figure("right per class (tick: before)", make("div", {}, ...rows.map(({ row }) => row)));
  classFigure.classList.add("mx-classes");
  const asks = make("div", { class: "mx-asks", role: "status" }, make("span"));
  const results = make("div", { class: "mx-results" }, ...bars.map(({ node }) => node),
                       make("div", { class: "mx-result" }, classFigure, changedFigure));
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  root.append(make("style", {}, STACK_STYLE + SWITCHES_STYLE),
    make("div", { class: "mx-row mx-switches" }, network.node, results), units_, say, asks);

  function draw(now) {
    const off = shownOff(now), answer = known.get(off) ?? partial(off), truth = current(now, "truth");
    const asked = answer?.read ?? everyone, after = answer?.predicted;
    network.show(codes(off));
    if (!after) {
      say.innerHTML = `<b>${named(off)}</b>. What is drawn above does not show this yet.`;
      return;
    }
    const rights = [asked.filter((i) => before[i] === labels[i]).length, asked.filter((i) => after[i] === labels[i]).length];
    bars.forEach(({ fill, value }, k) => {
      fill.style.transform = `scaleX(${rights[k] / asked.length})`;
      write(value, `${number(100 * rights[k] / asked.length, 1)}% of ${asked.length}`);
    });
    rows.forEach(({ row, fill, tick, value }, c) => {
      const mine = asked.filter((i) => labels[i] === c);
      const [was, is] = [before, after].map((these) => mine.filter((i) => these[i] === c).length);
      fill.style.transform = `scaleX(${is / (mine.length || 1)})`;
      tick.style.left = `${100 * was / (mine.length || 1)}%`;
      write(value, `${is} of ${mine.length}`);
      row.setAttribute("aria-pressed", String(now.truth === c));
      row.setAttribute("aria-label", `${classes[c]}: ${is} of ${mine.length} right, with everything on ${was}`);
    });
    // With everything on nothing has changed: then the pictures are those that the network gets wrong.
    const first = off ? before : labels, changed = asked.filter((i) => first[i] !== after[i]);
    // One of each class after the other: the images may be sorted by class, and there is no room for all of them.
    const seen = {}, turn = new Map(changed.map((i) => [i, seen[labels[i]] = (seen[labels[i]] ?? 0) + 1]));
    const shown = changed.filter((i) => truth < 0 || labels[i] === truth).sort((a, b) => turn.get(a) - turn.get(b));
    const kind = (i) => (first[i] === labels[i] ? "\u2717" : after[i] === labels[i] ? "\u2713" : "\u223c");
    thumbs.forEach((thumb, k) => {
      const i = k < room ? shown[k] : undefined;
      thumb.node.style.visibility = i === undefined ? "hidden" : "";
      if (i === undefined) return;
      if (thumb.image !== i) {
        const size = channels * height * width;
        const one = Object.assign(images.subarray(i * size, (i + 1) * size), { shape: [channels, height, width] });
        paint(thumb.canvas, width, height, (at) => pixel(one, at));
      }
      thumb.image = i;
      write(thumb.was, classes[first[i]]);
      write(thumb.is, `${kind(i)} ${classes[after[i]]}`);
      thumb.node.title = `true: ${classes[labels[i]]}; everything on: ${classes[before[i]]}; as switched: ${classes[after[i]]}`;
    });
    const which = truth < 0 ? "" : ` ${classes[truth]}`;
    changedFigure.firstChild.innerHTML = off ? `<b>${shown.length}</b>${which} predictions changed: before, and now`
      : `<b>${shown.length}</b>${which} predictions are wrong: the truth, and the prediction`;
    const count = (sign) => changed.filter((i) => kind(i) === sign).length;
    say.innerHTML = off ? `<b>${named(off)}</b>. ${changed.length} of ${asked.length} predictions changed: ` +
      `${count("\u2717")} now wrong (\u2717), ${count("\u2713")} now right (\u2713), ${count("\u223c")} wrong either way (\u223c).`
      : `<b>Everything is on</b>. ${rights[0]} of ${N} predictions are right. Click a part to switch it off.`;
  }

  function named(off) {
    const by = {};
    for (const code of codes(off)) {
      const [, k, kind, number_] = code.match(/^(\d+)(\D)(\d*)$/);
      (by[kind === "u" ? `unit ${number_}` : parts.find((part) => part.code === code).name] ??= []).push(k);
    }
    const words = Object.entries(by).map(([part, blocks]) =>
      `${part} of block${blocks.length > 1 ? "s" : ""} ${blocks.join(", ")}`);
    return words.length ? `Off: ${words.join("; ")}` : "Everything is on";
  }

  // ---- the kernel ----
  let latest = null, patience = 0;
  const partial = (off) => (latest && latest.off === off ? latest : null);
  state.answers((answer) => {
    if (!answer.off && answer.off !== "") return;
    const predicted = new Int32Array(N).fill(-1);
    answer.read.forEach((i, k) => { predicted[i] = answer.predicted[k]; });
    latest = { off: answer.off, read: answer.read, predicted };
    if (answer.read.length === N) known.set(answer.off, { predicted });
    wait(state.get());
    draw(state.get());
  });

  function wait(now) {
    const waits = !known.has(now.off), part = partial(now.off);
    clearTimeout(patience);
    results.classList.toggle("mx-waits", waits);
    asks.classList.toggle("mx-on", waits);
    if (!waits) { asks.firstChild.textContent = ""; return; }
    asks.firstChild.textContent = part ? `PyTorch is reading: ${part.read.length} of ${N} images so far.`
      : state.kernel ? "PyTorch is reading the images again ..."
      : "Hidden units, and several parts at once, need PyTorch, and there is no kernel here. Single parts work.";
    if (state.kernel) patience = setTimeout(() => {
      asks.firstChild.textContent = "No answer from the kernel yet. If it is not busy with another cell, run this cell again.";
    }, 5000);
  }

  state.on(["off", "truth"], (now) => { wait(now); draw(now); });
  state.on(["block", "unit", "off"], (now) => {
    const none = now.block < 0, is = codes(now.off).includes(`${now.block}u${now.unit}`);
    for (const part of [unit.querySelector("input"), one]) part.disabled = none;
    unit.classList.toggle("mx-off", none);
    one.classList.toggle("mx-off", none);
    one.textContent = none ? "switch it off" : `switch unit ${now.unit} ${is ? "on" : "off"}`;
    all.disabled = !now.off;
  });
  return () => { clearTimeout(patience); sized.disconnect(); };
});
