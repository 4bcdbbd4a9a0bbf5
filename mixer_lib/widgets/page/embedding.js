// How a detector makes one number of a token: a patch times weights, pixel by pixel, added up. Hover or pick a patch in
// the image or in a channel's map, a pixel in any of the three squares, or a number of the table.

import { choices, colorScale, current, figure, grid, make, number, paint, ramp, signed, slider, texts, widget } from "./kit.js";
import { adding } from "./charts.js";

export default widget((root, { image, weights, tokens, facts }, state) => {
  const [C, P] = weights.shape, [height, width] = image.shape, [S] = tokens.shape, D = P * P;
  const perRow = width / P, down = height / P, { names } = facts;
  const pixelAt = (s, d) => image[(Math.floor(s / perRow) * P + Math.floor(d / P)) * width + s % perRow * P + d % P];
  const gray = (value) => [...Array(3).fill(Math.round(255 * Math.min(Math.max(value, 0), 1))), 255];
  const productsOf = (s, c) => Array.from({ length: D }, (_, d) => pixelAt(s, d) * weights[c * D + d]);
  const most = (list) => list.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  const tops = names.map((_, c) => ({ weight: most(weights.subarray(c * D, (c + 1) * D)),
                                      token: most(tokens.filter((_, i) => i % C === c)) }));

  // A channel has one axis for the sums of all patches, so that their lengths can be compared.
  const axes = names.map((_, c) => {
    let low = 0, high = 0;
    for (let s = 0; s < S; s++) {
      const plus = productsOf(s, c).reduce((sum, value) => sum + Math.max(value, 0), 0);
      [low, high] = [Math.min(low, tokens[s * C + c]), Math.max(high, plus)];
    }
    return [low, high];
  });

  const patchName = (name) => ({ name, of: (s) => `patch ${s} of ${S}` });
  const pixelName = (name) => ({ name, of: (d) => `row ${Math.floor(d / P)}, column ${d % P}` });
  const whole = grid(state, { name: "patch", rows: down, columns: perRow, cuts: true, label: patchName("image") });
  paint(whole.canvas, width, height, (i) => gray(image[i]));
  const [patch, weight, product] = ["pixel of the patch", "weight", "product"].map((name) =>
    grid(state, { name: "pixel", rows: P, columns: P, cuts: P <= 16, label: pixelName(name) }));
  const map = grid(state, { name: "patch", rows: down, columns: perRow, cuts: true, label: patchName("channel") });
  const table = grid(state, { name: ["patch", "channel"], rows: S, columns: C, ratio: C * 46 / Math.min(17 * S, 272),
                              cuts: S <= 16, to: (cell) => ({ patch: Math.floor(cell / C), channel: cell % C }),
                              from: ({ patch: s, channel: c }) => s * C + c,
                              label: { name: "number of the table of tokens", of: (cell) =>
                                `token ${Math.floor(cell / C)}, channel ${cell % C}: ${number(tokens[cell])}` } });
  paint(table.canvas, C, S, (i) => signed(tokens[i], 1.5 * tops[i % C].token));
  const inMap = texts(down, perRow), inTable = texts(S, C);
  if (perRow <= 4) map.node.append(inMap.node);
  if (S <= 16 && C <= 4) table.node.append(inTable.node);
  inTable.show(Array.from(tokens, (value) => number(value)));
  const scales = [4, 4, 2].map((digits, i) => colorScale({ digits, most: i < 2 ? 1 : 1 / 1.5 }));

  const sum = adding("together", 3);
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 4.4em; margin-top: 14px" });
  const sign = (text, view) => { view.node.classList.add("mx-sign"); view.node.dataset.sign = text; return view.node; };
  const views = [figure(`the image: ${S} patches`, whole.node), figure("", patch.node, ramp("#000, #fff", ["black 0", "", "white 1"]).node),
                 figure("", sign("×", weight), scales[0].node), figure("the products", sign("=", product), scales[1].node),
                 figure("", map.node, scales[2].node), figure("", sum.node, say),
                 figure(`tokens, <b>[S, C] = [${S}, ${C}]</b>`, table.node)];
  views[5].classList.add("mx-wide");
  root.append(make("div", { class: "mx-controls" }, C <= 6
    ? choices(state, "channel", "channel (c)", Object.fromEntries(names.map((name, c) => [name, c])))
    : slider(state, "channel", "channel (c)", { high: C - 1, say: (c) => names[c] })),
    make("div", { class: "mx-box" }, make("div", { class: "mx-four" }, ...views)));
  const caption = (i, text) => { views[i].firstChild.innerHTML = text; };

  state.on(["patch", "channel"], (now) => {
    const s = current(now, "patch"), c = current(now, "channel"), products = productsOf(s, c);
    paint(patch.canvas, P, P, (d) => gray(pixelAt(s, d)));
    paint(weight.canvas, P, P, (d) => signed(weights[c * D + d], tops[c].weight));
    paint(product.canvas, P, P, (d) => signed(products[d], tops[c].weight));
    paint(map.canvas, perRow, down, (i) => signed(tokens[i * C + c], 1.5 * tops[c].token));
    inMap.show(Array.from({ length: S }, (_, i) => number(tokens[i * C + c])));
    scales.forEach((one, i) => one.show(i < 2 ? tops[c].weight : tops[c].token));
    sum.show(products, ...axes[c]);
    caption(1, `patch <b>${s}</b>: ${P} × ${P} pixels`);
    caption(2, `weights: <b>${names[c]}</b>`);
    caption(4, `channel <b>${c}</b> of all tokens`);
    caption(5, `the ${D} products, added up: <b>tokens[${s}, ${c}] = ${number(tokens[s * C + c])}</b>`);
  });
  state.on(["patch", "channel", "pixel"], (now) => {
    const s = current(now, "patch"), c = current(now, "channel"), d = current(now, "pixel");
    const value = pixelAt(s, d), w = weights[c * D + d];
    say.innerHTML = `Row ${Math.floor(d / P)}, column ${d % P} of patch ${s}: pixel ${number(value, 3)} × weight ` +
      `${number(w, 4)} = ${number(value * w, 4)}. All ${D} such products add up to <b>tokens[${s}, ${c}] = ` +
      `${number(tokens[s * C + c])}</b>, the answer to <i>${names[c]}</i>.`;
  });
});
