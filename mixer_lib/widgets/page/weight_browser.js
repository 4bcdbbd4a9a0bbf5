// The token-mixing weights of a model: a mosaic of all units of a block, and one unit large, with its spectrum and its
// closest opposite. Hover a tile to see it large, hover a weight to see its place in all tiles.

import { choices, colorScale, current, figure, grid, make, number, paint, slider, widget } from "./kit.js";
import { MOSAIC_STYLE, SORTED, inWords, kernel, mosaic } from "./mosaic.js";

const BROWSER_STYLE = `
.mx-browser > figure:first-child { flex: 0 1 auto; width: min(100%, 512px); }
.mx-one { flex: 1 1 260px; max-width: 324px; min-width: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 8px 14px; }
.mx-one > figure:first-child { grid-column: 1 / -1; }
.mx-browser .mx-say { flex: 1 0 100%; margin: 0; min-height: 4.4em; }
.mx-zero { fill: none; stroke: var(--mx-ink); stroke-width: 1px; vector-effect: non-scaling-stroke; }
@media (prefers-color-scheme: dark) { .mx-black canvas { filter: invert(1); } }
body[data-jp-theme-light="true"] .mx-black canvas { filter: none; }
body[data-jp-theme-light="false"] .mx-black canvas { filter: invert(1); }
`;

export default widget((root, { facts, weights, scales, tops, orders, measures, controls, partners, spectra }, state) => {
  const [, matrices, blocks, units, S] = weights.shape, [height, width] = facts.grid;
  const layer = (now) => (facts.states.indexOf(now.state) * matrices + facts.matrices.indexOf(now.matrix)) * blocks + now.block;
  const orderOf = (now) => {
    const start = (layer(now) * facts.orders.length + facts.orders.indexOf(now.by)) * units;
    return orders.subarray(start, start + units);
  };
  const weight = (l, unit, s) => (weights[(l * units + unit) * S + s] - 128) * scales[l * units + unit];
  const row = (l, unit) => Float32Array.from({ length: S }, (_, s) => weight(l, unit, s));
  const plain = (values) => Object.fromEntries(values.map((value) => [String(value), value]));

  const scale = colorScale({ beyond: true, width: "190px" }), all = mosaic(state, {
    name: "unit", count: units, size: facts.grid, label: { name: "unit in the mosaic", of: (unit) => `unit ${unit}` } });
  const one = kernel(state, { size: facts.grid, label: "weight of the unit" });
  const opposite = kernel(state, { size: facts.grid, label: "weight of the closest opposite" });
  const spectrum = grid(state, { name: "wave", rows: height, columns: width, from: (wave) => wave ?? -1,
                                 to: (wave) => state.get().wave === wave ? null : wave,
                                 label: { name: "frequency of the spectrum",
                                          of: (wave) => wave < 0 ? "none picked" : cycles(wave) } });
  spectrum.node.classList.add("mx-black");
  spectrum.node.querySelector("svg").append(make("svg:rect", {
    class: "mx-zero", x: Math.floor(width / 2), y: Math.floor(height / 2), width: 1, height: 1 }));
  const figures = [all, one, spectrum, opposite].map((view) => figure("", view.node));
  const [allFigure, oneFigure, spectrumFigure, oppositeFigure] = figures;
  const numbers = make("div"), more = make("div"), say = make("p", { class: "mx-say", "aria-live": "polite" }, numbers, more);
  spectrumFigure.firstChild.textContent = "its spectrum";

  const same = make("button", { type: "button", click: () => state.pick({ same: !state.get().same }) },
                    "same colors for all blocks");
  const block = blocks <= 12 ? choices(state, "block", "block", plain([...Array(blocks).keys()]))
                             : slider(state, "block", "block", { high: blocks - 1 });
  root.append(make("style", {}, MOSAIC_STYLE + BROWSER_STYLE),
    make("div", { class: "mx-controls" }, block, choices(state, "matrix", "weights", plain(facts.matrices)),
      choices(state, "state", "model", plain(facts.states)),
      choices(state, "by", "sort by", plain(facts.orders)), same, scale.node),
    make("div", { class: "mx-row mx-browser" }, allFigure, make("div", { class: "mx-one" }, ...figures.slice(1)), say));

  function cycles(wave) {
    const down = Math.abs(Math.floor(wave / width) - Math.floor(height / 2));
    const across = Math.abs(wave % width - Math.floor(width / 2));
    return `${down} cycle${down === 1 ? "" : "s"} from top to bottom, ${across} from left to right`;
  }

  // The unit 5 of another block is no relative of this one: there, the unit at the same place of the mosaic is picked.
  let before = state.get();
  state.on(["block", "state"], (now) => {
    const moved = before.block !== now.block || before.state !== now.state;
    const place = orderOf({ ...before, by: now.by }).indexOf(now.unit);
    before = now;
    if (moved && place >= 0) state.pick({ unit: orderOf(now)[place] });
  });

  let drawn = null, strongest = [];           // of each place, the unit with the largest weight there
  state.on(["block", "matrix", "state", "by", "same"], (now) => {
    const l = layer(now), top = now.same ? Math.max(...tops) : tops[l], values = new Float32Array(units * S);
    for (let unit = 0; unit < units; unit++)
      for (let s = 0; s < S; s++) values[unit * S + s] = weight(l, unit, s);
    all.show(values, top, orderOf(now), drawn === l);           // only the same units can fly to other places
    drawn = l;
    scale.show(top);
    same.setAttribute("aria-pressed", String(now.same));
    allFigure.firstChild.innerHTML = `<b>${now.matrix} of block ${now.block}</b>, ${now.state}, ${SORTED[now.by]}`;
    strongest = Array.from({ length: S }, (_, s) => {
      let best = 0;
      for (let unit = 1; unit < units; unit++) if (Math.abs(values[unit * S + s]) > Math.abs(values[best * S + s])) best = unit;
      return best;
    });
  });

  state.on(["unit", "block", "matrix", "state", "by", "same"], (now) => {
    const l = layer(now), unit = current(now, "unit"), i = l * units + unit, partner = partners[i];
    const top = now.same ? Math.max(...tops) : tops[l];
    const [frequency, norm, places, correlation] = measures.subarray(4 * i, 4 * i + 4);
    const [mean, shuffled, spread, mixedSpread, random, pair, mixedPair] = controls.subarray(7 * l, 7 * l + 7);
    one.show(row(l, unit), top);
    opposite.show(row(l, partner), top);
    paint(spectrum.canvas, width, height, (wave) => [0, 0, 0, spectra[i * S + wave]]);
    all.ring(partner);
    oneFigure.firstChild.innerHTML = `<b>unit ${unit}</b> on the grid of ${height} × ${width} patches`;
    oppositeFigure.firstChild.innerHTML = `\u25ef opposite: unit <b>${partner}</b>`;
    const beside = (values, digits = 2) => `(${Object.entries(values).map(([name, value]) =>
      `${name} ${number(value, digits)}`).join("; ")})`;
    numbers.innerHTML = `<b>unit ${unit}</b>: frequency <b>${number(frequency)}</b> cycles per patch ` +
      `${beside({ "block": mean, "shuffled rows": shuffled })}, spread over <b>${number(places, 1)}</b> of ${S} places ` +
      `${beside({ "block": spread, "mixed rows": mixedSpread, "random numbers": random }, 1)}, correlation with unit ` +
      `${partner} <b>${number(correlation)}</b> ${beside({ "block": pair, "mixed rows": mixedPair })}, norm ${number(norm)}`;
  });

  state.on(["place", "wave", "unit", "block", "matrix", "state", "by", "same"], (now) => {
    const l = layer(now), unit = current(now, "unit"), i = l * units + unit;
    const wave = current(now, "wave"), place = now.hover.wave == null ? current(now, "place") : null;
    all.light(place);
    if (place !== null && place !== undefined) {
      const most = strongest[place];
      more.textContent = `${inWords(place, width)}: ${number(weight(l, unit, place))} in unit ${unit}, ` +
        `${number(weight(l, partners[i], place))} in unit ${partners[i]}; the largest is unit ${most}'s, ` +
        number(weight(l, most, place));
    } else if (wave !== null && wave !== undefined) {
      const energy = spectra.subarray(i * S, (i + 1) * S), sum = energy.reduce((a, b) => a + b, 0);
      more.textContent = `${cycles(wave)}: ${number(100 * energy[wave] / (sum || 1), 0)}% of unit ${unit}'s energy`;
    } else more.textContent = "Hover a weight of the large unit: its place lights up in every tile. " +
                              "In the spectrum, frequency 0 is framed.";
  });
});
