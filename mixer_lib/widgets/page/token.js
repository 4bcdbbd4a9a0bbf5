// One token on its way through channel mixing: bars for the token, LayerNorm, the hidden units, the MLP's answer, and the
// sum. All is computed here from the weights. Drag a bar of the token; hover or pick any other to see what it is made of.

import { current, figure, grid, make, number, paint, signed, slider, texts, widget } from "./kit.js";

export default widget((root, { tokens, scale, shift, fc1, bias1, fc2, bias2, facts }, state) => {
  const [S, C] = tokens.shape, [D] = fc1.shape;

  // ---- the layer ---------------------------------------------------------------------------------------------

  function erf(x) {                     // Abramowitz and Stegun 7.1.26, right to 1.5e-7
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - tail * Math.exp(-x * x));
  }
  const gelu = facts.gelu === "tanh"
    ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    : (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
  const linear = (weight, bias, x) => Array.from(bias, (b, i) =>
    x.reduce((sum, value, j) => sum + weight[i * x.length + j] * value, b));

  function run(token) {
    const mean = token.reduce((sum, x) => sum + x, 0) / C;
    const spread = Math.sqrt(token.reduce((sum, x) => sum + (x - mean) ** 2, 0) / C + facts.eps);
    const normed = token.map((x, c) => (x - mean) / spread * scale[c] + shift[c]);
    const before = linear(fc1, bias1, normed), hidden = before.map(gelu), answer = linear(fc2, bias2, hidden);
    return { mean, spread, before, panels: [token, normed, hidden, answer, token.map((x, c) => x + answer[c])] };
  }

  const plain = (s) => Array.from(tokens.subarray(s * C, (s + 1) * C));
  function tokenOf(now) {               // with what the sliders and the dragged bars make of it
    const s = current(now, "token"), { change = {} } = now;
    return plain(s).map((x, c) => now.times * x + now.plus + (change.token === s ? change.by[c] : 0));
  }

  // ---- the panels --------------------------------------------------------------------------------------------

  const large = (lists) => Math.max(1e-3, ...lists.flat().map(Math.abs));
  const runs = [...Array(S).keys()].flatMap((s) => [1, -1].map((sign) => run(plain(s).map((x) => sign * x))));
  const inner = 1.1 * large(runs.flatMap(({ panels, before }) => [panels[1], panels[2], panels[3], before]));
  const outer = 1.1 * (large(runs.map(({ panels }) => panels[4])) + 4);
  const titles = ["<b>token</b>: drag a bar", "after <b>LayerNorm</b>", "<b>hidden units</b>, after GELU",
                  "the MLP's <b>answer</b>", "token <b>+</b> answer"];
  const names = ["token", "after LayerNorm", "hidden units", "answer", "token + answer"];
  const half = 80, middle = 24 + half, high = middle + half + 40, axis = 28;

  function tick(top) {
    const unit = 10 ** Math.floor(Math.log10(top));
    return unit * [5, 2, 1].find((step) => step * unit <= top);
  }
  const set = (node, values) => { for (const [key, value] of Object.entries(values)) node.setAttribute(key, value); };

  function panel(place) {
    const count = place === 2 ? D : C, top = place % 4 ? inner : outer, w = Math.max(5, Math.min(34, 190 / count));
    const wide = axis + w * count, Y = (value) => middle - half * Math.max(-1, Math.min(1, value / top));
    const svg = make("svg:svg", { width: wide, height: high, style: "display: block", "aria-hidden": "true" });
    for (const at of [tick(top), 0, -tick(top)])
      svg.append(make("svg:line", { x1: axis, x2: wide, y1: Y(at), y2: Y(at),
                                    stroke: at ? "var(--mx-line)" : "var(--mx-soft)" }),
                 make("svg:text", { x: axis - 5, y: Y(at), "text-anchor": "end", "dominant-baseline": "central",
                                    class: "mx-soft", style: "font-size: 11px" }, number(at, tick(top) < 1 ? 1 : 0)));
    const columns = Array.from({ length: count }, (_, i) => {
      const x = axis + i * w, gap = w > 20 ? 7 : 1, text = (y, more = {}) => make("svg:text", {
        x: x + w / 2, y, "text-anchor": "middle", "dominant-baseline": "central", ...more });
      const back = make("svg:rect", { x, y: 2, width: w, height: high - 4, fill: "transparent" });
      const bar = make("svg:rect", { class: "mx-bar", x: x + gap, width: w - 2 * gap, y: middle, height: 0,
                                     style: "transition: y .2s, height .2s" });
      const frame = make("svg:rect", { x: x + gap, width: w - 2 * gap, y: middle, height: 0, fill: "none",
                                       stroke: "var(--mx-ink)", "stroke-dasharray": "2 2",
                                       style: "transition: y .2s, height .2s" });
      const was = make("svg:line", { x1: x + 2, x2: x + w - 2, stroke: "var(--mx-ink)", "stroke-width": 2 });
      const value = text(11, { style: "font-size: 11px" });
      const index = text(high - 27, { class: "mx-soft" }), weight = text(high - 10);
      index.textContent = w > 20 || i % 8 === 0 ? i : "";
      svg.append(back, bar, frame, was, value, index, weight);
      return { back, bar, frame, was, value, weight };
    });
    const box = { y: 1, width: w, height: high - 2 };
    const halo = make("svg:rect", { class: "mx-halo", ...box }), mark = make("svg:rect", { class: "mx-mark", ...box });
    const over = make("svg:rect", { class: "mx-hover", ...box });
    svg.append(halo, mark, over);
    const node = make("div", { class: "mx-panel", tabindex: 0, role: "slider", "aria-label": names[place],
                               "aria-valuemin": 0, "aria-valuemax": count - 1, style: `width: ${wide}px; outline-offset: 2px; cursor: ` +
                               `${place ? "pointer" : "ns-resize"}; touch-action: ${place ? "manipulation" : "none"}` }, svg);

    const at = (event) => {
      const i = Math.floor((event.clientX - svg.getBoundingClientRect().left - axis) / w);
      return i >= 0 && i < count ? i : null;
    };
    const pull = (i, value) => {        // change one number of the token
      const now = state.get(), token = tokenOf({ ...now, hover: {} }), { change = {} } = now;
      const by = change.token === now.token ? [...change.by] : Array(C).fill(0);
      by[i] += Math.max(-outer, Math.min(outer, value)) - token[i];
      state.pick({ change: { token: now.token, by }, panel: 0, index: i });
    };
    let dragged = null;
    node.addEventListener("pointerdown", (event) => {
      if (at(event) === null) return;
      state.pick({ panel: place, index: at(event) });
      if (place) return;
      dragged = { i: at(event), from: event.clientY, value: tokenOf({ ...state.get(), hover: {} })[at(event)] };
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (dragged) pull(dragged.i, Math.round(4 * (dragged.value - (event.clientY - dragged.from) * outer / half)) / 4);
      else if (event.pointerType !== "touch") state.hover({ panel: at(event) === null ? null : place, index: at(event) });
    });
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => { dragged = null; });
    node.addEventListener("pointerleave", () => state.hover({ panel: null, index: null }));
    node.addEventListener("keydown", (event) => {
      const now = state.get(), i = now.panel === place ? now.index : 0;
      const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key], up = { ArrowUp: 0.5, ArrowDown: -0.5 }[event.key];
      if (!across && !(up && !place)) return;
      event.preventDefault();
      event.stopPropagation();
      if (across && i + across >= 0 && i + across < count) state.pick({ panel: place, index: i + across });
      if (up) pull(i, tokenOf({ ...now, hover: {} })[i] + up);
    });

    const stand = make("div", { class: "mx-soft", style: "color: var(--mx-soft); font-size: 12px; min-height: 1.5em; " +
                                                         "padding-left: 28px" });
    const view = figure(titles[place], node, stand);
    view.style.flex = "none";
    return { view, show(values, frames, start, altered) {
      columns.forEach(({ bar, frame, was, value }, i) => {
        const length = (x) => ({ y: Math.min(Y(x), middle), height: Math.abs(Y(x) - middle) });
        set(bar, { ...length(values[i]), fill: values[i] < 0 ? "var(--mx-minus)" : "var(--mx-plus)" });
        set(frame, length(frames?.[i] ?? 0));
        frame.style.display = frames ? "" : "none";
        set(was, { y1: Y(start[i]), y2: Y(start[i]) });
        was.style.display = altered ? "" : "none";
        if (w > 20) value.textContent = number(values[i]);
      });
      const moves = values.some((x, i) => Math.abs(x - start[i]) > 0.005);
      stand.innerHTML = !altered ? "" : moves ? "moves" : "<b>stands still</b>";
      stand.dataset.moves = altered && moves;
    }, point(picked, hovered, weights) {
      for (const [rect, i] of [[halo, picked], [mark, picked], [over, hovered]]) {
        rect.style.display = i === null ? "none" : "";
        if (i !== null) rect.setAttribute("x", axis + i * w);
      }
      node.setAttribute("aria-valuenow", picked ?? 0);
      columns.forEach(({ back, weight }, i) => {
        back.setAttribute("fill", weights ? "var(--mx-fill)" : "transparent");
        weight.textContent = weights && w > 20 ? `× ${+weights[i].toFixed(2)}`.replace("-", "\u2212") : "";
      });
    }, tell: (text) => node.setAttribute("aria-valuetext", text) };
  }

  // ---- the page ----------------------------------------------------------------------------------------------

  const table = grid(state, { name: "token", rows: S, columns: 1, ratio: C * 40 / (S * 22), cuts: true,
                              label: { name: "token", of: (s) => `token ${s}: ${plain(s).map((x) => number(x)).join(", ")}` } });
  paint(table.canvas, C, S, (i) => signed(tokens[i], 1.5 * large([Array.from(tokens)])));
  const cells = texts(S, C);
  if (C <= 8 && S <= 16) table.node.append(cells.node);
  cells.show(Array.from(tokens, (x) => `${+x.toFixed(2)}`.replace("-", "\u2212")));
  const tableView = figure(`tokens, [S, C] = [${S}, ${C}]`, table.node);
  tableView.style.cssText += `flex: none; width: ${Math.min(240, 40 * C)}px; min-width: 150px`;
  const back = make("button", { type: "button", click: () => state.pick({ times: 1, plus: 0, change: {} }) }, "as it was");
  const panels = [0, 1, 2, 3, 4].map(panel);
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  const legend = make("div", { style: "color: var(--mx-soft); font-size: 12px; margin-top: 4px" },
    "Dashed frames: the hidden units before GELU, and the token before the answer is added. A tick marks where a bar stood " +
    "before you changed the token.");
  const controls = [slider(state, "times", "multiply it by", { low: -1, high: 1, step: 0.25, say: (x) => number(x) }),
                    slider(state, "plus", "add to all channels", { low: -4, high: 4, step: 0.5, say: (x) => number(x, 1) })];
  for (const control of controls) {
    control.firstChild.style.width = "126px";
    control.querySelector("input").style.width = "132px";
  }
  root.append(make("div", { class: "mx-row", style: "align-items: center; margin-bottom: 10px" }, tableView,
    make("div", { style: "display: grid; gap: 8px; justify-items: start" }, ...controls, back)),
    make("div", { class: "mx-row", style: "gap: 10px 12px" }, ...panels.map(({ view }) => view)), legend, say);

  function madeOf({ mean, spread, before, panels: lists }, s, place, i) {
    const value = number(lists[place][i]);
    const sum = (weight, bias, x) => (x.length > 8 ? `${x.length} products and the bias add up to ` :
      `${x.map((one, j) => `${+weight[i * x.length + j].toFixed(2)} × ${number(one)}`).join(" + ")}` +
      `${Math.abs(bias[i]) > 1e-9 ? ` + bias ${number(bias[i])}` : ""} = `).replace(/-/g, "\u2212");
    if (place === 0) return `Channel ${i} of token ${s} is <b>${value}</b>. Drag its bar up or down (or press ↑ and ↓).`;
    if (place === 1) {
      const own = scale[i] !== 1 || shift[i] !== 0 ? `, times ${number(scale[i])} plus ${number(shift[i])}` : "";
      return `Channel ${i} after LayerNorm: (${number(lists[0][i])} − the mean ${number(mean)}) / the standard deviation ` +
             `${number(spread)}${own} = <b>${value}</b>.`;
    }
    if (place === 2) return `Unit ${i}: ${sum(fc1, bias1, lists[1])}${number(before[i])}; GELU makes it <b>${value}</b>.`;
    if (place === 3) return `The answer in channel ${i}: ${sum(fc2, bias2, lists[2])}<b>${value}</b>.`;
    return `Channel ${i} goes on as ${number(lists[0][i])} + ${number(lists[3][i])} = <b>${value}</b>.`;
  }

  let result = null;
  state.on(["token", "times", "plus", "change"], (now) => {
    const token = tokenOf(now), start = run(plain(current(now, "token")));
    const altered = token.some((x, c) => Math.abs(x - start.panels[0][c]) > 1e-6);
    result = run(token);
    root.dataset.values = JSON.stringify(result.panels);        // for tests, and for the curious
    const frames = [null, null, result.before, null, token];
    panels.forEach((one, i) => one.show(result.panels[i], frames[i], start.panels[i], altered));
    back.disabled = !altered;
    back.style.opacity = altered ? 1 : 0.45;
  });
  state.on(["token", "times", "plus", "change", "panel", "index"], (now) => {
    const s = current(now, "token"), shown = current(now, "panel"), i = current(now, "index"), { hover } = now;
    panels.forEach((one, k) => {
      const weights = shown === k + 1 && k === 1 ? fc1.subarray(i * C, (i + 1) * C)
                    : shown === k + 1 && k === 2 ? fc2.subarray(i * D, (i + 1) * D) : null;
      one.point(now.panel === k ? now.index : null, (hover.panel ?? null) === k ? hover.index : null, weights);
      const mine = now.panel === k ? now.index : 0;
      one.tell(`${k === 2 ? "unit" : "channel"} ${mine}: ${number(result.panels[k][mine])}`);
    });
    say.innerHTML = madeOf(result, s, shown, i);
  });
});
