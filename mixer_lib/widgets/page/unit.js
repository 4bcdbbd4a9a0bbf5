// A hidden unit of token mixing at work on one channel: the channel times the unit's weights, place by place, added up,
// and GELU. Hover or pick a place in any of the four squares, or a unit on a channel in the table.

import { choices, colorScale, current, figure, grid, make, number, paint, pixel, signed, slider, texts, widget } from "./kit.js";
import { adding } from "./charts.js";

export default widget((root, { image, channels, units, before, after, curve, facts }, state) => {
  const [C, S] = channels.shape, [U] = units.shape, perRow = facts.columns, down = S / perRow;
  const most = (list) => list.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  const column = (c) => channels.subarray(c * S, (c + 1) * S), row = (u) => units.subarray(u * S, (u + 1) * S);
  const productsOf = (c, u) => Array.from(column(c), (value, s) => value * row(u)[s]);

  const placeName = (name) => ({ name, of: (s) => `patch ${s} of ${S}` });
  const whole = grid(state, { name: "place", rows: down, columns: perRow, cuts: true,
                              label: placeName("patch of the image") });
  paint(whole.canvas, image.shape[2], image.shape[1], (i) => pixel(image, i));
  const squares = ["channel", "weights", "products"].map((name) => {
    const one = grid(state, { name: "place", rows: down, columns: perRow, cuts: true, label: placeName(name) });
    const numbers = texts(down, perRow), ends = colorScale({ digits: 2, most: 1 / 1.5 });
    if (perRow <= 4) one.node.append(numbers.node);
    return { ...one, ends, show(values, top) {
      paint(one.canvas, perRow, down, (s) => signed(values[s], 1.5 * top));
      numbers.show(Array.from(values, (value) => number(value).replace(/\.00$/, "")));
      ends.show(top);
    } };
  });
  squares.forEach(({ node }, i) => { if (i) { node.classList.add("mx-sign"); node.dataset.sign = " ×="[i]; } });

  const table = grid(state, { name: ["unit", "channel"], rows: U, columns: C, ratio: C / U, cuts: true,
                              to: (cell) => ({ unit: Math.floor(cell / C), channel: cell % C }),
                              from: ({ unit: u, channel: c }) => u * C + c,
                              label: { name: "hidden unit on a channel", of: (cell) =>
                                `${facts.units[Math.floor(cell / C)]} on ${facts.channels[cell % C]}: ` +
                                number(before[cell]) } });
  paint(table.canvas, C, U, (i) => signed(before[i], 1.5 * most(before)));
  const sums = texts(U, C), sumEnds = colorScale({ digits: 2, most: 1 / 1.5 });
  if (C <= 6 && U <= 8) table.node.append(sums.node);
  sums.show(Array.from(before, (value) => number(value)));
  sumEnds.show(most(before));

  // GELU's curve, stretched over its box; the dot moves along it.
  const reach = curve[curve.length - 2], floor = -0.3 * reach, X = (x) => 50 + 50 * x / reach;
  const Y = (y) => 100 * (reach - y) / (reach - floor);
  let path = "";
  for (let i = 0; i < curve.length; i += 2)
    path += `${i ? "L" : "M"}${X(curve[i]).toFixed(2)} ${Y(curve[i + 1]).toFixed(2)}`;
  const line = (d, more = {}) => make("svg:path", { d, fill: "none", stroke: "var(--mx-line)",
                                                    "vector-effect": "non-scaling-stroke", ...more });
  const drop = line("", { stroke: "var(--mx-ink)", "stroke-dasharray": "3 3" });
  const dot = make("div", { class: "mx-dot", style: "position: absolute; width: 11px; height: 11px; margin: -5.5px; " +
    "border-radius: 50%; border: 2px solid var(--mx-paper); outline: 2px solid var(--mx-ink); background: var(--mx-ink); " +
    "transition: left .25s, top .25s" });
  const word = (text, style) => make("span", { style: "position: absolute; font-size: 11px; color: var(--mx-soft); " + style },
                                     text);
  const gelu = make("div", { role: "img", style: "position: relative; aspect-ratio: 1; box-shadow: 0 0 0 1px var(--mx-line)" },
    make("svg:svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none",
                      style: "position: absolute; inset: 0; width: 100%; height: 100%" },
         line(`M0 ${Y(0)}H100M50 0V100`), drop, line(path, { stroke: "var(--mx-ink)", "stroke-width": 2 })), dot,
    word("after", "right: calc(50% + 5px); top: 3px"), word(number(reach, 1), "left: calc(50% + 5px); top: 3px"),
    word(number(-reach, 1), "left: 4px; bottom: 2px"), word("before", "left: calc(50% + 5px); bottom: 2px"),
    word(number(reach, 1), "right: 4px; bottom: 2px"));

  const sum = adding("together");
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 6em; margin-top: 14px" });
  const views = [figure(`the image: ${S} patches`, whole.node), ...squares.map((one) => figure("", one.node, one.ends.node)),
                 figure("before GELU: units × channels", table.node, sumEnds.node), figure("", sum.node, say),
                 figure("", gelu)];
  views[5].classList.add("mx-wide");
  const caption = (i, text) => { views[i].firstChild.innerHTML = text; };
  const control = (name, title, names) => (names.length <= 6
    ? choices(state, name, title, Object.fromEntries(names.map((one, i) => [one, i])))
    : slider(state, name, title, { high: names.length - 1, say: (i) => names[i] }));
  root.append(make("div", { class: "mx-controls" }, control("channel", "channel", facts.channels),
                   control("unit", "unit", facts.units)),
              make("div", { class: "mx-box" }, make("div", { class: "mx-four" }, ...views)));

  // One axis for all sums, so that their lengths can be compared.
  let low = 0, high = 0;
  for (let c = 0; c < C; c++) for (let u = 0; u < U; u++) {
    const plus = productsOf(c, u).reduce((total, value) => total + Math.max(value, 0), 0);
    [low, high] = [Math.min(low, before[u * C + c]), Math.max(high, plus)];
  }

  state.on(["channel", "unit"], (now) => {
    const c = current(now, "channel"), u = current(now, "unit"), products = productsOf(c, u), i = u * C + c;
    squares[0].show(column(c), most(column(c)));
    squares[1].show(row(u), most(row(u)));
    squares[2].show(products, most(products));
    sum.show(products, low, high);
    dot.style.left = `${X(before[i])}%`;
    dot.style.top = `${Y(after[i])}%`;
    drop.setAttribute("d", `M${X(before[i])} ${Y(0)}V${Y(after[i])}H50`);
    const said = `GELU: <b>${number(before[i])} → ${number(after[i])}</b>`;
    caption(1, `channel: <b>${facts.channels[c]}</b>`);
    caption(2, `unit: <b>${facts.units[u]}</b>`);
    caption(3, "the products");
    caption(5, `the ${S} products, added up: <b>${number(before[i])}</b>`);
    caption(6, said);
    gelu.setAttribute("aria-label", `the curve of GELU: ${number(before[i])} becomes ${number(after[i])}`);
  });
  state.on(["channel", "unit", "place"], (now) => {
    const c = current(now, "channel"), u = current(now, "unit"), s = current(now, "place"), i = u * C + c;
    const value = column(c)[s], weight = row(u)[s];
    say.innerHTML = `Patch ${s}: ${number(value)} × weight ${number(weight)} = ${number(value * weight)}. ` +
      `The ${S} products add up to <b>${number(before[i])}</b>, and after GELU the unit <i>${facts.units[u]}</i> says ` +
      `<b>${number(after[i])}</b> about <i>${facts.channels[c]}</i>.`;
  });
});
