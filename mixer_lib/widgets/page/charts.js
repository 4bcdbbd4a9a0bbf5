// Charts on the kit: bars and curves, in SVG, drawn again when their numbers change.

import { make, number } from "./kit.js";

// Bars of numbers, from zero, upward or (flat) to the right. `names`: a label per bar. `top`: the number at the full
// length. `mark`: which bars are outlined. Returns { node, show(values, { mark }) }; the lengths move to new values.
export function bars({ names, top, width = 300, thick = 18, signed = false, digits = 2, label = "bars" }) {
  const left = Math.min(12 + 6.6 * Math.max(...names.map((name) => name.length)), 130), right = 52;
  const height = names.length * thick, span = width - left - right, zero = signed ? left + span / 2 : left;
  const svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
                                style: `display: block; width: 100%; max-width: ${1.25 * width}px; overflow: visible` });
  const rows = names.map((name, i) => {
    const y = i * thick, bar = make("svg:rect", { y: y + 3, height: thick - 6, x: zero, width: 0,
                                                  style: "transition: width .25s, x .25s" });
    const value = make("svg:text", { x: width - right + 6, y: y + thick / 2, "dominant-baseline": "central" });
    const outline = make("svg:rect", { class: "mx-mark", x: 0.5, y: y + 0.5, width: width - 1, height: thick - 1 });
    svg.append(make("svg:text", { x: left - 6, y: y + thick / 2, "text-anchor": "end", "dominant-baseline": "central" },
                    name), bar, value, outline);
    return { bar, value, outline };
  });
  svg.append(make("svg:line", { x1: zero, x2: zero, y1: 0, y2: height, stroke: "var(--mx-line)" }));

  function show(values, { mark = [] } = {}) {
    const full = (signed ? span / 2 : span) / (top || Math.max(...values.map(Math.abs)) || 1);
    rows.forEach(({ bar, value, outline }, i) => {
      const length = Math.min(Math.abs(values[i]) * full, signed ? span / 2 : span);
      bar.setAttribute("x", values[i] < 0 ? zero - length : zero);
      bar.setAttribute("width", length);
      bar.setAttribute("fill", !signed ? "var(--mx-soft)" : values[i] < 0 ? "var(--mx-minus)" : "var(--mx-plus)");
      value.textContent = number(values[i], digits);
      outline.style.display = mark.includes(i) ? "" : "none";
    });
  }
  return { node: svg, show };
}

// Bars on one axis, each from one number to another: a name, the bar, a text of at most `room` letters. A bar to the left
// is blue, one to the right orange; `plain` bars have no sign. show(pairs, texts, low, high) moves them; the axis reaches
// from low to high, and zero is marked.
function spans({ names, plain = false, room = 7 }) {
  const rows = names.map((name) => ({ name: make("span", {}, name), bar: make("i"), zero: make("u"),
                                      text: make("output", { style: `min-width: ${room}ch` }) }));
  const node = make("div", { class: "mx-spans" }, ...rows.flatMap(({ name, bar, zero, text }) =>
    [name, make("div", {}, bar, zero), text]));
  function show(pairs, said, low, high) {
    const place = (value) => 98 * (Math.min(Math.max(value, low), high) - low) / (high - low || 1) + 1;
    rows.forEach(({ bar, zero, text }, i) => {
      const [from, to] = pairs[i];
      bar.style.left = `${place(Math.min(from, to))}%`;
      bar.style.width = `${Math.abs(place(to) - place(from))}%`;
      bar.style.background = plain ? "var(--mx-soft)" : to < from ? "var(--mx-minus)" : "var(--mx-plus)";
      zero.style.left = `${place(0)}%`;
      text.textContent = said[i];
    });
  }
  return { node, rows, show };
}

// What some numbers add up to: those above zero to the right, from there those below zero to the left, and the rest.
export function adding(total, digits = 2) {
  const { node, show } = spans({ names: ["above 0", "below 0", total] });
  return { node, show(values, low, high) {
    const plus = values.reduce((sum, value) => sum + Math.max(value, 0), 0);
    const minus = values.reduce((sum, value) => sum + Math.min(value, 0), 0);
    show([[0, plus], [plus, plus + minus], [0, plus + minus]],
         [plus, minus, plus + minus].map((value) => number(value, digits)), low, high);
  } };
}

// Round numbers from low to high, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step || 0);       // no -0
  return { step, found };
}

// Curves over an axis from 0 to `most`. `name`: of the selection, the place on the axis that the pointer or the arrow keys
// are on. show({ most, lines, low, high }) draws lines [{ points: [[x, y], ...], style }]; without low and high the axis
// holds all the points. light(x) marks a place, null none.
export function curves(state, { name, label, axis, width = 290, height = 170 }) {
  const edge = { left: 38, right: 8, top: 8, bottom: 36 }, [w, h] = [width - edge.left - edge.right, height - edge.top - edge.bottom];
  const frame = make("svg:g"), drawn = make("svg:g"), cursor = make("svg:line", { y1: edge.top, y2: edge.top + h,
    stroke: "var(--mx-ink)", "stroke-width": 1.5, "stroke-dasharray": "3 2" });
  const svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, class: "mx-curve", tabindex: 0, role: "slider",
                                "aria-label": label, "aria-valuemin": 0 }, frame, drawn, cursor);
  const text = (x, y, words, more) => make("svg:text", { x, y, class: "mx-soft", ...more }, words);
  let most = 1;
  const X = (x) => edge.left + x / most * w;
  const find = (event) => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * width;
    return Math.min(Math.max((x - edge.left) / w, 0), 1) * most;
  };
  svg.addEventListener("pointermove", (event) => state.hover({ [name]: find(event) }));
  svg.addEventListener("pointerleave", () => state.hover({ [name]: null }));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    state.pick({ [name]: Math.min(Math.max((state.get()[name] ?? most) + step * most / 50, 0), most) });
  });

  function show({ most: newMost, lines, low, high }) {
    most = newMost || 1;
    const all = lines.flatMap(({ points }) => points.map(([, y]) => y));
    low ??= all.length ? Math.min(...all) : 0;
    high ??= all.length ? Math.max(...all) : 1;
    const { step, found: rough } = ticks(low, high, 4), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    [low, high] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
    const Y = (y) => edge.top + (high - y) / (high - low || 1) * h;
    frame.replaceChildren(...[...new Set([low, ...rough, high])].flatMap((y) => [
      make("svg:line", { x1: edge.left, x2: edge.left + w, y1: Y(y), y2: Y(y), stroke: "var(--mx-line)" }),
      text(edge.left - 5, Y(y), number(y, digits), { "text-anchor": "end", "dominant-baseline": "central" })]),
    ...ticks(0, most, 4).found.map((x) =>
      text(X(x), height - edge.bottom + 15, x.toLocaleString("en-US"), { "text-anchor": "middle" })),
    text(edge.left + w / 2, height - 5, axis, { "text-anchor": "middle" }));
    drawn.replaceChildren(...lines.map(({ points, style }) => make("svg:path", { fill: "none", stroke: "var(--mx-ink)", style,
      "stroke-linejoin": "round", d: points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("") })));
  }
  function light(x) {
    cursor.style.display = x === null ? "none" : "";
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, X(x ?? 0));
  }
  return { node: svg, show, light };
}
