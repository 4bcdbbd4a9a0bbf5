// A training as it runs: the loss of its steps, the learning rate, and the accuracy after each epoch, as curves over the
// steps, with one place that all three share; how far it is; and a button that ends it.

import { figure, make, number, widget } from "./kit.js";
import { curves } from "./charts.js";

const TRAINING_STYLE = `
.mx-live figure { flex: 1 1 240px; } .mx-live figcaption { min-height: 2.9em; }
.mx-live + .mx-controls { margin: 12px 0 0; }
.mx-live + .mx-controls progress { flex: 1 1 160px; height: 8px; accent-color: var(--mx-ink); min-width: 0; }
.mx-live + .mx-controls span { min-width: 22em; }
.mx-live + .mx-controls button:disabled { opacity: .5; cursor: default; }
`;
const MEAN = 20;                                        // steps that the thick curve averages
const THIN = "stroke-width: 1; opacity: .3", DASHED = "stroke-dasharray: 5 3; stroke-width: 1.5; stroke: var(--mx-soft)";

const time = (seconds) => (seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`);

export default widget((root, _, state) => {
  const charts = ["training loss", "learning rate", "accuracy"].map((label) =>
    curves(state, { name: "at", label: `${label} over the steps`, axis: "step" }));
  const figures = charts.map(({ node }) => figure("", node));
  const bar = make("progress", { "aria-label": "steps done" }), said = make("span", { role: "status" });
  const stop = make("button", { type: "button", click: () => state.pick({ stop: true }) }, "stop training");
  root.append(make("style", {}, TRAINING_STYLE), make("div", { class: "mx-row mx-live" }, ...figures),
              make("div", { class: "mx-controls" }, stop, bar, said));

  let data = null, smooth = [];
  const points = (values) => [...values].map((value, i) => [data.at[i], value]);

  function draw(sent) {
    data = sent;
    const { done, total, per_epoch, every } = data.facts, most = Math.max(total, done);
    const few = Math.max(1, Math.round(MEAN / every));  // each point may be a mean of several steps already
    smooth = points(data.loss).map(([x], i, all) => {
      const last = all.slice(Math.max(0, i - few + 1), i + 1);
      return [x, last.reduce((sum, [, y]) => sum + y, 0) / last.length];
    });
    charts[0].show({ most, low: 0, lines: [{ points: points(data.loss), style: THIN }, { points: smooth, style: "stroke-width: 2" }] });
    charts[1].show({ most, low: 0, lines: [{ points: points(data.lr), style: "stroke-width: 2" }] });
    const lines = [0, 1].map((k) => Array.from({ length: data.accuracy.length / 2 }, (_, e) =>
      [(e + 1) * per_epoch, data.accuracy[2 * e + k]]).filter(([, y]) => !Number.isNaN(y)));
    const any = lines.flat().length > 0;
    charts[2].show({ most, low: any ? undefined : 0, high: 100, lines: [{ points: lines[0], style: DASHED },
                                                                       { points: lines[1], style: "stroke-width: 2" }] });
  }

  function say(now) {
    const { done, total, per_epoch, state: is, left, seconds } = data.facts, x = now.hover.at ?? now.at ?? null;
    const found = x === null ? -1 : data.at.findIndex((at) => at >= x), i = found < 0 ? data.at.length - 1 : found;
    const epoch = per_epoch ? Math.min(Math.floor((data.at[i] ?? 0) / per_epoch), data.accuracy.length / 2) : 0;
    const values = [0, 1].map((k) => data.accuracy[2 * (epoch - 1) + k]);
    const percent = (value) => (value === undefined || Number.isNaN(value) ? "\u2013" : `${number(value, 1)}%`);
    charts.forEach((chart) => chart.light(i < 0 || x === null ? null : data.at[i]));
    charts.forEach(({ node }) => node.setAttribute("aria-valuetext", `step ${data.at[i] ?? 0}`));
    const step = i < 0 ? "" : ` at step ${data.at[i].toLocaleString("en-US")}`;
    figures[0].firstChild.innerHTML = `training loss (nats)<br>` + (i < 0 ? "" : `mean of ${MEAN} steps <b>${number(smooth[i][1], 3)}</b>${step}`);
    figures[1].firstChild.innerHTML = `learning rate<br>` + (i < 0 ? "" : `<b>${number(data.lr[i], 5)}</b>${step}`);
    figures[2].firstChild.innerHTML = `accuracy ${epoch ? `after epoch ${epoch}` : "after each epoch"} (percent)<br>` +
      (epoch ? `held out <b>${percent(values[1])}</b>, training ${percent(values[0])} (dashed)` : "");
    const runs = is === "runs" && state.kernel;
    Object.assign(bar, { max: total || 1, value: done });
    stop.disabled = !runs || now.stop;
    said.textContent = !done ? "The training has not begun yet." : `${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} steps` +
      (is === "done" ? `, done in ${time(seconds)}.` : is === "stopped" ? `: stopped after ${time(seconds)}.`
        : now.stop ? ": it stops after this step." : left === null ? "." : `, about ${time(left)} left.`);
  }

  state.numbers((sent) => { draw(sent); say(state.get()); });
  state.on(["at", "stop"], (now) => say(now));
});
