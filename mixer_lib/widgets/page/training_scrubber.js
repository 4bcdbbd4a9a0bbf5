// A training to play: the W1 of a block at each snapshot, one unit of it large and through all snapshots, and three
// numbers as curves. One moment flows through all: play it, drag it, or hover a snapshot. Between two snapshots the
// picture blends them.

import { choices, colorScale, current, figure, make, number, slider, widget } from "./kit.js";
import { MOSAIC_STYLE, SORTED, kernel, mosaic } from "./mosaic.js";

const SCRUBBER_STYLE = `
.mx-training > figure:first-child { flex: 0 1 auto; width: min(100%, 512px); }
.mx-life { flex: 1 1 260px; max-width: 336px; min-width: 0; display: grid; gap: 8px; }
.mx-life > figure:last-child .mx-grid { width: 100% !important; }
.mx-time { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; margin: 0 0 10px; }
.mx-time input { flex: 1 1 200px; min-width: 0; accent-color: var(--mx-ink); margin: 0; }
.mx-time .mx-updates { min-width: 8.5em; text-align: right; }
.mx-time .mx-start { min-width: 6.2em; }
.mx-curves { margin-top: 10px; }
.mx-curves figure { flex: 1 1 240px; }
.mx-curves figcaption { min-height: 2.9em; }
.mx-curves svg { display: block; width: 100%; cursor: ew-resize; touch-action: pan-y; overflow: visible; }
`;
const MOMENT = 330;                                     // milliseconds from one snapshot to the next
const WIDTH = 288, HEIGHT = 158, EDGE = { left: 34, right: 66, top: 8, bottom: 38 };
const DASHES = ["", "6 4", "1.5 3.5"];

export default widget((root, { facts, weights, scales, tops, orders, numbers }, state) => {
  const [blocks, moments, units, S] = weights.shape, { steps, panels } = facts, last = moments - 1;
  const orderOf = ({ block, by }) => {
    const start = (block * facts.orders.length + facts.orders.indexOf(by)) * units;
    return orders.subarray(start, start + units);
  };
  const plain = (values) => Object.fromEntries(values.map((value) => [String(value), value]));

  // Snapshot m of a unit, from `out[to]` on, as share `share` of what stands there in the end.
  function add(out, to, block, m, unit, share) {
    const row = (block * moments + m) * units + unit, scale = share * scales[row], from = row * S;
    for (let s = 0; s < S; s++) out[to + s] += (weights[from + s] - 128) * scale;
  }

  function at(now, unit, out, to) {
    const t = current(now, "at"), m = Math.min(Math.floor(t), last), share = t - m;
    add(out, to, now.block, m, unit, 1 - share);
    if (share > 0) add(out, to, now.block, m + 1, unit, share);
  }

  // Time: `hover.at` is where the training is shown right now, `at` the snapshot where it rests.
  let playing = 0;
  const rest = (t) => { state.pick({ at: Math.round(Math.min(Math.max(t, 0), last)) }); state.hover({ at: null }); };

  function pause() {
    if (!playing) return;
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "\u25b6 play";
    rest(current(state.get(), "at"));
  }

  function start() {
    let t = state.get().at >= last ? 0 : state.get().at, before = performance.now();
    const step = (time) => {
      t = Math.min(t + Math.max(time - before, 0) / MOMENT, last);
      before = time;
      state.hover({ at: t });
      playing = requestAnimationFrame(step);
      if (t >= last) pause();
    };
    playing = requestAnimationFrame(step);
    play.textContent = "\u275a\u275a pause";
  }

  const go = (by) => { pause(); rest(state.get().at + by); };
  const button = (text, label, click) => make("button", { type: "button", "aria-label": label, click }, text);
  const play = button("\u25b6 play", "play or pause the training", () => (playing ? pause() : start()));
  play.classList.add("mx-start");
  const time = make("input", { type: "range", min: 0, max: last, step: "any", "aria-label": "updates",
    input: () => { if (playing) pause(); state.hover({ at: +time.value }); }, change: () => rest(+time.value),
    keydown: (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -last, End: last }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      go(step);
    } });
  const updates = make("span", { class: "mx-updates" });

  const scale = colorScale({ beyond: true, width: "190px" }), all = mosaic(state, {
    name: "unit", count: units, size: facts.grid, label: { name: "unit in the mosaic", of: (unit) => `unit ${unit}` } });
  const one = kernel(state, { size: facts.grid, label: "weight of the unit" });
  const film = mosaic(state, { name: "at", count: moments, size: facts.grid, columns: Math.min(moments, 7), wide: 336,
                               label: { name: "snapshot", of: (m) => `after ${count(steps[m])} updates` } });
  const allFigure = figure("", all.node), oneFigure = figure("", one.node), filmFigure = figure("", film.node);
  const charts = panels.map(panel), say = make("p", { class: "mx-say", "aria-live": "polite" });
  const block = blocks <= 12 ? choices(state, "block", "block", plain([...Array(blocks).keys()]))
                             : slider(state, "block", "block", { high: blocks - 1 });
  root.append(make("style", {}, MOSAIC_STYLE + SCRUBBER_STYLE),
    make("div", { class: "mx-controls" }, block, choices(state, "by", "sort by", plain(facts.orders)), scale.node),
    make("div", { class: "mx-time" }, play, make("span", {}, button("\u25c0", "one snapshot back", () => go(-1)),
                                                 button("\u25b6", "one snapshot forward", () => go(1))), time, updates),
    make("div", { class: "mx-row mx-training" }, allFigure, make("div", { class: "mx-life" }, oneFigure, filmFigure)),
    make("div", { class: "mx-row mx-curves" }, ...charts.map(({ node }) => node)), say);

  // One number over the training: its curve, its controls, and a cursor that follows the hand.
  function panel({ title, low, high, lines }, index) {
    const first = panels.slice(0, index).reduce((sum, { lines }) => sum + lines.length, 0);
    const rows = panels.reduce((sum, { lines }) => sum + lines.length, 0);
    const value = (block, line, t) => {
      const start = (block * rows + first + line) * moments, m = Math.min(Math.floor(t), last), share = t - m;
      return numbers[start + m] * (1 - share) + (share > 0 ? numbers[start + m + 1] * share : 0);
    };
    const inner = [WIDTH - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom], spread = (x) => Math.log10(x + 1);
    const [x0, x1] = [spread(steps[0]), spread(steps[last])];
    const ofSteps = (x) => EDGE.left + (spread(x) - x0) / (x1 - x0 || 1) * inner[0];
    const X = (t) => { const m = Math.min(Math.floor(t), last), next = Math.min(m + 1, last);
                       return ofSteps(steps[m]) + (t - m) * (ofSteps(steps[next]) - ofSteps(steps[m])); };
    const Y = (y) => EDGE.top + (high - Math.min(Math.max(y, low), high)) / (high - low) * inner[1];
    const drawn = make("svg:g"), cursor = make("svg:line", { y1: EDGE.top, y2: EDGE.top + inner[1],
                                                             stroke: "var(--mx-ink)", "stroke-width": 1.5 });
    const dot = make("svg:circle", { r: 4.5, fill: "var(--mx-paper)", stroke: "var(--mx-ink)", "stroke-width": 2 });
    const svg = make("svg:svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
    svg.append(...[low, (low + high) / 2, high].flatMap((y) => [
      make("svg:line", { x1: EDGE.left, x2: EDGE.left + inner[0], y1: Y(y), y2: Y(y), stroke: "var(--mx-line)" }),
      make("svg:text", { x: EDGE.left - 5, y: Y(y), "text-anchor": "end", "dominant-baseline": "central", class: "mx-soft" },
           number(y, y % 0.5 ? 2 : y % 1 ? 1 : 0))]));
    for (let x = 1, free = -Infinity; x <= steps[last]; x *= 10)
      if (x >= steps[0] && ofSteps(x) - free > 30) {
        free = ofSteps(x);
        svg.append(make("svg:text", { x: free, y: HEIGHT - EDGE.bottom + 15, "text-anchor": "middle", class: "mx-soft" },
                        count(x)));
      }
    svg.append(make("svg:text", { x: EDGE.left + inner[0] / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "mx-soft" },
                    "updates"),
               drawn, cursor, dot);

    const find = (event) => {
      const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * WIDTH;
      let m = 0;
      while (m < last - 1 && X(m + 1) < x) m++;
      return Math.min(Math.max(m + (x - X(m)) / (X(m + 1) - X(m) || 1), 0), last);
    };
    let dragging = false;
    svg.addEventListener("pointerdown", (event) => {
      pause();
      dragging = true;
      svg.setPointerCapture(event.pointerId);
      state.hover({ at: find(event) });
    });
    svg.addEventListener("pointermove", (event) => {
      if (!playing && (dragging || event.pointerType !== "touch")) state.hover({ at: find(event) });
    });
    svg.addEventListener("pointerup", (event) => { if (dragging) rest(find(event)); dragging = false; });
    svg.addEventListener("pointercancel", () => { dragging = false; state.hover({ at: null }); });
    svg.addEventListener("pointerleave", () => { if (!dragging && !playing) state.hover({ at: null }); });

    const box = figure("", svg);
    return {
      node: box,
      show(block) {
        const ends = lines.map((_, line) => Y(value(block, line, last)));       // names that do not lie on each other
        const sorted = ends.map((_, i) => i).sort((a, b) => ends[a] - ends[b]);
        sorted.forEach((line, i) => { if (i) ends[line] = Math.max(ends[line], ends[sorted[i - 1]] + 13); });
        for (let i = sorted.length - 1, floor = HEIGHT - EDGE.bottom; i >= 0; i--, floor -= 13)
          ends[sorted[i]] = Math.min(ends[sorted[i]], floor);
        drawn.replaceChildren(...lines.flatMap((name, line) => [
          make("svg:path", { fill: "none", stroke: "var(--mx-ink)", "stroke-width": line ? 1.4 : 2.2,
                             "stroke-dasharray": DASHES[line],
            d: steps.map((_, m) => `${m ? "L" : "M"}${X(m).toFixed(1)} ${Y(value(block, line, m)).toFixed(1)}`).join("") }),
          make("svg:text", { x: EDGE.left + inner[0] + 7, y: ends[line], "dominant-baseline": "central" }, name)]));
      },
      move(block, t) {
        for (const x of ["x1", "x2"]) cursor.setAttribute(x, X(t));
        dot.setAttribute("cx", X(t));
        dot.setAttribute("cy", Y(value(block, 0, t)));
        const [trained, ...controls] = lines.map((name, line) => `${name} ${number(value(block, line, t))}`);
        box.firstChild.innerHTML = `${title}<br><b>${trained}</b>, ${controls.join(", ")}`;
        return value(block, 0, t);
      },
    };
  }

  let before = state.get();
  state.on(["block"], (now) => {                        // another block's unit 5 is no relative: keep the place
    const place = orderOf(before).indexOf(now.unit), moved = before.block !== now.block;
    before = now;
    charts.forEach((chart) => chart.show(now.block));
    scale.show(tops[now.block]);
    if (moved) state.pick({ unit: orderOf(now)[place] });
  });

  const values = new Float32Array(units * S), large = new Float32Array(S), strip = new Float32Array(moments * S);
  let drawn = null;
  state.on(["at", "block", "by"], (now) => {
    const t = current(now, "at"), m = Math.floor(t), order = orderOf(now);
    values.fill(0);
    for (let unit = 0; unit < units; unit++) at(now, unit, values, unit * S);
    all.show(values, tops[now.block], order, drawn?.block === now.block && drawn.by !== now.by);
    all.light(current(now, "place"));
    drawn = { block: now.block, by: now.by };
    const three = charts.map((chart) => chart.move(now.block, t));
    time.value = t;
    const step = steps[m] + (t > m ? (t - m) * (steps[m + 1] - steps[m]) : 0);
    updates.innerHTML = `<b>${count(Math.round(step))}</b> updates`;
    time.setAttribute("aria-valuetext", `${count(Math.round(step))} updates`);
    allFigure.firstChild.innerHTML = `<b>W1 of block ${now.block}</b>, sorted at the end: ${SORTED[now.by]}`;
    const words = t > m ? `Between the snapshots after ${count(steps[m])} and ${count(steps[m + 1])} updates.`
      : `After ${count(steps[m])} updates, snapshot ${m} of ${last}: ${panels.map(({ title }, i) =>
        `${title.replace(/ \(.*/, "")} ${number(three[i])}`).join(", ")}.`;
    if (say.textContent !== words) say.textContent = words;     // it is read aloud when it changes
  });
  state.on(["unit", "at", "block"], (now) => {
    const unit = current(now, "unit"), t = current(now, "at");
    large.fill(0);
    at(now, unit, large, 0);
    one.show(large, tops[now.block]);
    oneFigure.firstChild.innerHTML = `<b>unit ${unit}</b> on the grid of ${facts.grid.join(" × ")} patches`;
    filmFigure.firstChild.innerHTML = `unit <b>${unit}</b> at the ${moments} snapshots, the first to the last`;
  });
  state.on(["unit", "block"], (now) => {
    strip.fill(0);
    for (let m = 0; m < moments; m++) add(strip, m * S, now.block, m, current(now, "unit"), 1);
    film.show(strip, tops[now.block]);
  });
  state.on(["place"], (now) => all.light(current(now, "place")));

  function count(x) { return x.toLocaleString("en-US"); }
  return () => cancelAnimationFrame(playing);
});
