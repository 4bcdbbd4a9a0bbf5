// A hidden unit of token mixing, twice: as a row of W1, and as a kernel on the grid of patches, laid over one channel of
// the table. Row, kernel, channel and products share the place that is hovered or picked; the strips at the bottom hold
// the unit's answers to all channels.

import { choices, colorScale, current, figure, grid, make, number, paint, pixel, signed, slider, texts, widget } from "./kit.js";
import { bars } from "./charts.js";

export default widget((root, { image, weights, biases, tables, by_row, by_kernel, facts }, state) => {
  const [, height, width] = image.shape, [L, D_S, S] = weights.shape, C = tables.shape[2], side = Math.round(Math.sqrt(S));
  const weight = (k, unit, s) => weights[(k * D_S + unit) * S + s];
  const entry = (k, s, c) => tables[(k * S + s) * C + c];
  const answers = (table, k, unit) => table.subarray((k * D_S + unit) * C, (k * D_S + unit + 1) * C);
  const most = (values) => values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const where = (s) => `place ${s} of ${S}`;

  // W1: a row is picked, and the place under the hand lights up in the other views.
  const matrix = grid(state, { name: "unit", rows: D_S, columns: 1, ratio: 0.5,
                               label: { name: "row of W1", of: (unit) => `row ${unit} of ${D_S}` } });
  for (const [name, thick] of [["halo", 3], ["mark", 1.5]])       // rows are so low that a usual frame would cover them
    matrix.node.querySelector(`.mx-${name}`).style.strokeWidth = `${thick}px`;
  matrix.node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const box = matrix.node.getBoundingClientRect(), s = Math.floor((event.clientX - box.left) / box.width * S);
    state.hover({ place: Math.max(0, Math.min(s, S - 1)) });
  });
  matrix.node.addEventListener("pointerleave", () => state.hover({ place: null }));

  const places = (name, rows, columns) =>
    grid(state, { name: "place", rows, columns, cuts: S <= 64, ratio: columns / rows, label: { name, of: where } });
  const strip = places("place in the row", 1, S), kernel = places("place in the kernel", side, side);
  const channel = places("place in the channel", side, side), products = places("place in the products", side, side);
  const photo = grid(state, { name: "place", rows: side, columns: side, cuts: S <= 64, ratio: width / height,
                              label: { name: "patch of the image", of: where } });
  paint(photo.canvas, width, height, (i) => pixel(image, i));
  const three = [kernel, channel, products];
  const numbers = S <= 16 ? three.map(() => texts(side, side)) : [];
  numbers.forEach(({ node }, i) => { node.style.fontSize = "11px"; three[i].node.append(node); });

  const channels = (name) => grid(state, { name: "channel", rows: 1, columns: C, cuts: C <= 128,
                                           label: { name, of: (c) => `channel ${c} of ${C}` } });
  const rowAnswers = channels("answers of the row"), kernelAnswers = channels("answers of the kernel");
  for (const { node } of [strip, rowAnswers, kernelAnswers]) { node.style.aspectRatio = "auto"; node.style.height = "26px"; }

  const scales = [matrix, ...three, rowAnswers].map(() => colorScale({ width: "400px" }));
  const sum = bars({ names: ["products above 0", "products below 0", "bias", "answer"], signed: true, width: 320,
                     label: "the sum of the products" });
  sum.node.style.maxWidth = "400px";
  const sign = (text) => make("div", { class: "mx-between", "aria-hidden": "true",
                                       style: "align-self: center; font-size: 20px; margin: 0 -6px" }, text);
  const views = [figure("the image, in patches", photo.node), figure("", kernel.node, scales[1].node),
                 figure("", channel.node, scales[2].node), figure("their products", products.node, scales[3].node)];
  views.forEach((view) => { view.style.flex = "1 1 120px"; });
  const matrixFigure = figure("", matrix.node, scales[0].node), rowFigure = figure("", strip.node);
  matrixFigure.style.flex = "0 1 170px";
  const line = (text, node) => make("div", { style: "display: flex; align-items: center; gap: 10px; margin-bottom: 6px" },
    make("div", { style: "flex: 0 0 136px; font-size: 12px; text-align: right; line-height: 1.2" }, text),
    make("div", { style: "flex: 1 1 0; min-width: 0" }, node));
  const answersFigure = figure("", line("matrix row × column", rowAnswers.node), line("convolution", kernelAnswers.node),
                               line("", scales[4].node));
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  root.append(
    make("div", { class: "mx-controls" },
      L <= 8 ? choices(state, "block", "block", Object.fromEntries(Array.from({ length: L }, (_, k) => [String(k), k])))
        : slider(state, "block", "block", { high: L - 1 })),
    make("div", { class: "mx-row" }, matrixFigure, make("div", { style: "flex: 1 1 300px; min-width: 0" }, rowFigure,
      make("div", { class: "mx-row", style: "margin-top: 10px" }, views[0], views[1], sign("×"), views[2], sign("="),
           views[3]),
      make("div", { style: "margin-top: 10px" }, sum.node))),
    make("div", { style: "margin-top: 10px" }, answersFigure), say);

  state.on(["block"], ({ block: k }) => {
    const all = weights.subarray(k * D_S * S, (k + 1) * D_S * S), top = most(all);
    paint(matrix.canvas, S, D_S, (i) => signed(all[i], top));
    scales[0].show(top);
    matrixFigure.firstChild.innerHTML = `<b>W1</b> of block ${k}: ${D_S} × ${S}`;
  });

  state.on(["block", "unit", "channel"], (now) => {
    const k = now.block, unit = current(now, "unit"), c = current(now, "channel");
    const row = Array.from({ length: S }, (_, s) => weight(k, unit, s));
    const column = row.map((_, s) => entry(k, s, c)), multiplied = row.map((value, s) => value * column[s]);
    paint(strip.canvas, S, 1, (s) => signed(row[s], most(row)));
    [row, column, multiplied].forEach((values, i) => {
      const top = most(values);
      paint(three[i].canvas, side, side, (s) => signed(values[s], top));
      scales[i + 1].show(top);
      numbers[i]?.show(values.map((value) => number(value)));
    });
    const up = multiplied.filter((value) => value > 0).reduce((a, b) => a + b, 0);
    const down = multiplied.filter((value) => value < 0).reduce((a, b) => a + b, 0), bias = biases[k * D_S + unit];
    sum.show([up, down, bias, up + down + bias], { mark: [3] });
    const top = most(answers(by_row, k, unit));
    for (const [view, table] of [[rowAnswers, by_row], [kernelAnswers, by_kernel]])
      paint(view.canvas, C, 1, (i) => signed(answers(table, k, unit)[i], top));
    scales[4].show(top);
    rowFigure.firstChild.innerHTML = `row <b>${unit}</b> of W1: one weight for each place`;
    views[1].firstChild.innerHTML = `row <b>${unit}</b> as a kernel`;
    views[2].firstChild.innerHTML = `channel <b>${c}</b>`;
    answersFigure.firstChild.innerHTML = `what unit <b>${unit}</b> answers to each of the ${C} channels, before the GELU`;
  });

  state.on(["block", "unit", "channel", "place"], (now) => {
    const [k, unit, c, s] = [now.block, current(now, "unit"), current(now, "channel"), current(now, "place")];
    const answer = answers(by_row, k, unit)[c], difference = facts.differences[k][unit];
    say.innerHTML = `At place ${s}: weight <b>${number(weight(k, unit, s))}</b> × channel ${c} <b>${number(entry(k, s, c))}` +
      `</b> = <b>${number(weight(k, unit, s) * entry(k, s, c))}</b>. All ${S} products and the bias ` +
      `${number(biases[k * D_S + unit])} add up to <b>${number(answer)}</b>.<br>Largest difference between the row and the ` +
      `kernel, over all ${C} channels: <b>${difference ? difference.toExponential(0).replace("-", "\u2212") : "0"}</b>.`;
  });
});
