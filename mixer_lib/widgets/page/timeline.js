// The time of a training, on the kit: a bar to play it or to move through it, and charts of numbers along it. `hover.at`
// is the moment that is shown right now, which may lie between two snapshots; `at` is the snapshot where it rests.

import { current, figure, make, number } from "./kit.js";

export const TIMELINE_STYLE = `
.mx-time { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; margin: 0 0 10px; }
.mx-time input { flex: 1 1 200px; min-width: 0; accent-color: var(--mx-ink); margin: 0; }
.mx-time .mx-updates { min-width: 8.5em; text-align: right; }
.mx .mx-time .mx-start { min-width: 7em; padding: 6px 14px; font-weight: 600; background: var(--mx-ink);
                         color: var(--mx-paper); }
.mx .mx-time .mx-start:hover { background: var(--mx-soft); }
.mx-track svg { display: block; width: 100%; cursor: ew-resize; touch-action: pan-y; overflow: visible; }
`;
const MOMENT = 330;                                     // milliseconds from one snapshot to the next
const EDGE = { left: 34, right: 66, top: 8, bottom: 38 };
const DASHES = ["", "6 4", "1.5 3.5"];

export const thousands = (x) => x.toLocaleString("en-US");

// What has the values[m] at the snapshots, at the moment t.
export function blended(values, t) {
  const m = Math.min(Math.floor(t), values.length - 1), share = t - m;
  return values[m] * (1 - share) + (share > 0 ? values[m + 1] * share : 0);
}

// The bar: play, one snapshot back or forward, a slider, and the updates done. steps: those at the snapshots.
export function timeline(state, steps) {
  const last = steps.length - 1;
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
  const slide = make("input", { type: "range", min: 0, max: last, step: "any", "aria-label": "updates",
    input: () => { if (playing) pause(); state.hover({ at: +slide.value }); }, change: () => rest(+slide.value),
    keydown: (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -last, End: last }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      go(step);
    } });
  const updates = make("span", { class: "mx-updates" });
  const node = make("div", { class: "mx-time" }, make("span", {}, play),
    make("span", {}, button("\u25c0", "one snapshot back", () => go(-1)),
                     button("\u25b6", "one snapshot forward", () => go(1))), slide, updates);
  state.on(["at"], (now) => {
    const step = Math.round(blended(steps, Math.min(current(now, "at"), last)));
    slide.value = current(now, "at");
    updates.innerHTML = `<b>${thousands(step)}</b> updates`;
    slide.setAttribute("aria-valuetext", `${thousands(step)} updates`);
  });
  return { node, last, steps, pause, rest, playing: () => playing > 0, end: () => cancelAnimationFrame(playing) };
}

// A chart of numbers along the training of a timeline, from low to high, with a cursor that follows the hand. show(lines,
// faint): draws {name: its value at each snapshot}, the first as the main one, and more curves without a name. move(t)
// moves the cursor and returns the values of the lines there.
export function track(state, time, { title, low, high, width = 288, height = 158 }) {
  const { steps, last } = time, inner = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  const spread = (x) => Math.log10(x + 1), [x0, x1] = [spread(steps[0]), spread(steps[last])];
  const ofSteps = (x) => EDGE.left + (spread(x) - x0) / (x1 - x0 || 1) * inner[0];
  const X = (t) => blended(steps.map(ofSteps), t);
  const Y = (y) => EDGE.top + (high - Math.min(Math.max(y, low), high)) / (high - low) * inner[1];
  const drawn = make("svg:g"), cursor = make("svg:line", { y1: EDGE.top, y2: EDGE.top + inner[1],
                                                           stroke: "var(--mx-ink)", "stroke-width": 1.5 });
  const dot = make("svg:circle", { r: 4.5, fill: "var(--mx-paper)", stroke: "var(--mx-ink)", "stroke-width": 2 });
  const svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  const text = (x, y, words, more = {}) => make("svg:text", { x, y, class: "mx-soft", ...more }, words);
  const digits = (y) => [0, 1, 2].find((count) => +y.toFixed(count) === y) ?? 3;
  svg.append(...[low, (low + high) / 2, high].flatMap((y) => [
    make("svg:line", { x1: EDGE.left, x2: EDGE.left + inner[0], y1: Y(y), y2: Y(y), stroke: "var(--mx-line)" }),
    text(EDGE.left - 5, Y(y), number(y, digits(y)), { "text-anchor": "end", "dominant-baseline": "central" })]));
  const marks = [0, ...Array.from({ length: 9 }, (_, i) => 10 ** i)].filter((x) => x >= steps[0] && x < steps[last]);
  let free = -Infinity;                                 // the last one, and of the others those for which there is room
  for (const x of [...marks, steps[last]])
    if (x === steps[last] || (ofSteps(x) - free > 30 && ofSteps(steps[last]) - ofSteps(x) > 44)) {
      free = ofSteps(x);
      svg.append(text(free, height - EDGE.bottom + 15, thousands(x), { "text-anchor": "middle" }));
    }
  svg.append(text(EDGE.left + inner[0] / 2, height - 6, "updates", { "text-anchor": "middle" }), drawn, cursor, dot);

  const find = (event) => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * width;
    let m = 0;
    while (m < last - 1 && X(m + 1) < x) m++;
    return Math.min(Math.max(m + (x - X(m)) / (X(m + 1) - X(m) || 1), 0), last);
  };
  let dragging = false, shown = [];
  svg.addEventListener("pointerdown", (event) => {
    time.pause();
    dragging = true;
    svg.setPointerCapture(event.pointerId);
    state.hover({ at: find(event) });
  });
  svg.addEventListener("pointermove", (event) => {
    if (!time.playing() && (dragging || event.pointerType !== "touch")) state.hover({ at: find(event) });
  });
  svg.addEventListener("pointerup", (event) => { if (dragging) time.rest(find(event)); dragging = false; });
  svg.addEventListener("pointercancel", () => { dragging = false; state.hover({ at: null }); });
  svg.addEventListener("pointerleave", () => { if (!dragging && !time.playing()) state.hover({ at: null }); });

  const curve = (values, more) => make("svg:path", { fill: "none", stroke: "var(--mx-ink)", ...more,
    d: steps.map((_, m) => `${m ? "L" : "M"}${X(m).toFixed(1)} ${Y(values[m]).toFixed(1)}`).join("") });
  const node = figure("", svg);
  node.classList.add("mx-track");
  return {
    node,
    show(lines, faint = []) {
      shown = Object.values(lines);
      const ends = shown.map((values) => Y(values[last]));                    // names that do not lie on each other
      const sorted = ends.map((_, i) => i).sort((a, b) => ends[a] - ends[b]);
      sorted.forEach((line, i) => { if (i) ends[line] = Math.max(ends[line], ends[sorted[i - 1]] + 13); });
      for (let i = sorted.length - 1, floor = height - EDGE.bottom; i >= 0; i--, floor -= 13)
        ends[sorted[i]] = Math.min(ends[sorted[i]], floor);
      drawn.replaceChildren(
        ...faint.map((values) => curve(values, { "stroke-width": 1.2, "stroke-opacity": 0.3 })),
        ...Object.entries(lines).flatMap(([name, values], line) => [
          curve(values, { "stroke-width": line ? 1.4 : 2.2, "stroke-dasharray": DASHES[line] }),
          make("svg:text", { x: EDGE.left + inner[0] + 7, y: ends[line], "dominant-baseline": "central" }, name)]));
    },
    move(t) {
      for (const x of ["x1", "x2"]) cursor.setAttribute(x, X(t));
      dot.setAttribute("cx", X(t));
      dot.setAttribute("cy", Y(blended(shown[0], t)));
      return shown.map((values) => blended(values, t));
    },
  };
}
