// A training to play: the W1 of a block at each snapshot, one unit of it large and through all snapshots, and, if they
// are given, three numbers as curves. One moment flows through all: play it, drag it, or hover a snapshot. Between two snapshots the
// picture blends them.

import { choices, colorScale, current, figure, make, number, slider, widget } from "./kit.js";
import { MOSAIC_STYLE, SORTED, kernel, mosaic } from "./mosaic.js";
import { TIMELINE_STYLE, thousands, timeline, track } from "./timeline.js";

const SCRUBBER_STYLE = `
.mx-training > figure:first-child { flex: 0 1 auto; width: min(100%, 512px); }
.mx-life { flex: 1 1 260px; max-width: 336px; min-width: 0; display: grid; gap: 8px; }
.mx-life > figure:last-child .mx-grid { width: 100% !important; }
.mx-curves { margin-top: 10px; }
.mx-curves figure { flex: 1 1 240px; }
.mx-curves figcaption { min-height: 2.9em; }
`;

export default widget((root, { facts, weights, scales, tops, orders, ...numbers }, state) => {
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

  const time = timeline(state, steps);
  const scale = colorScale({ beyond: true, width: "190px" }), all = mosaic(state, {
    name: "unit", count: units, size: facts.grid, label: { name: "unit in the mosaic", of: (unit) => `unit ${unit}` } });
  const one = kernel(state, { size: facts.grid, label: "weight of the unit" });
  const film = mosaic(state, { name: "at", count: moments, size: facts.grid, columns: Math.min(moments, 7), wide: 336,
                               label: { name: "snapshot", of: (m) => `after ${thousands(steps[m])} updates` } });
  const allFigure = figure("", all.node), oneFigure = figure("", one.node), filmFigure = figure("", film.node);
  const charts = panels.map(panel), say = make("p", { class: "mx-say", "aria-live": "polite" });
  const block = blocks <= 12 ? choices(state, "block", "block", plain([...Array(blocks).keys()]))
                             : slider(state, "block", "block", { high: blocks - 1 });
  root.append(make("style", {}, MOSAIC_STYLE + TIMELINE_STYLE + SCRUBBER_STYLE),
    make("div", { class: "mx-controls" }, block, choices(state, "by", "sort by", plain(facts.orders)), scale.node),
    time.node,
    make("div", { class: "mx-row mx-training" }, allFigure, make("div", { class: "mx-life" }, oneFigure, filmFigure)),
    make("div", { class: "mx-row mx-curves" }, ...charts.map(({ node }) => node)), say);

  // One number over the training, and its controls.
  function panel({ name, title, ends: [low, high], lines }) {
    const chart = track(state, time, { title, low, high });
    const of = (block, line) => numbers[name].subarray((block * lines.length + line) * moments).subarray(0, moments);
    return {
      node: chart.node,
      show: (block) => chart.show(Object.fromEntries(lines.map((name, line) => [name, of(block, line)]))),
      move(t) {
        const values = chart.move(t), [trained, ...controls] = lines.map((name, i) => `${name} ${number(values[i])}`);
        chart.node.firstChild.innerHTML = `${title}<br><b>${trained}</b>, ${controls.join(", ")}`;
        return values[0];
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
    const of = charts.map((chart) => chart.move(t));
    allFigure.firstChild.innerHTML = `<b>W1 of block ${now.block}</b>, sorted at the end: ${SORTED[now.by]}`;
    const words = t > m ? `Between the snapshots after ${thousands(steps[m])} and ${thousands(steps[m + 1])} updates.`
      : `After ${thousands(steps[m])} updates, snapshot ${m} of ${last}${panels.map(({ title }, i) =>
        `${i ? "," : ":"} ${title.replace(/ \(.*/, "")} ${number(of[i])}`).join("")}.`;
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

  return time.end;
});
