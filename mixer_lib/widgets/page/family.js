// Networks that differ in one part: a row each, with what it costs and how well it did, and below it who hears whom.
// Pick a row and a token of the grid; the slider says after how many blocks to look.

import { choices, current, figure, grid, make, number, paint, slider, texts, widget } from "./kit.js";

const LOOK = `
.mx-kin { display: grid; grid-template-columns: 96px 62px 62px 84px 1fr; gap: 0 10px; align-items: center; width: 100%;
          padding: 3px 8px; text-align: right; }
.mx-kin > :first-child { text-align: left; }
.mx button.mx-kin { border: 0; border-radius: 4px; margin: 0; }
.mx button.mx-kin[aria-checked="true"] { box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-kin em { font-style: normal; color: var(--mx-soft); }
.mx-kin-dots { position: relative; height: 20px; margin: 0 14px; }
.mx-kin-dots > * { position: absolute; top: 50%; transform: translate(-50%, -50%); color: var(--mx-soft); }
.mx-kin-dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--mx-soft); }
.mx-kin-dots u { height: 2px; background: var(--mx-ink); transform: translate(0, -50%); }
.mx-kin-dots s { width: 3px; height: 16px; background: var(--mx-ink); }
.mx-kin-dots b { width: 11px; height: 11px; border-radius: 50%; background: var(--mx-paper); border: 2px solid var(--mx-ink); }
@container (max-width: 560px) { .mx-kin { grid-template-columns: 82px 48px 1fr; } .mx-kin .mx-more { display: none; } }
`;

export default widget((root, { hears, facts }, state) => {
  const { rows, columns, names, models } = facts, S = rows * columns, all = Object.values(models);
  const blocks = facts.blocks, steps = Array.from({ length: blocks }, (_, k) => k + 1);

  // ---- the rows ----------------------------------------------------------------------------------------------

  const shares = all.flatMap(({ results, interval, own }) => [...results, ...interval, ...(own === null ? [] : [own])]);
  const low = Math.floor(20 * Math.min(...shares)) / 20, high = Math.ceil(20 * Math.max(...shares)) / 20;
  const place = (share) => `left: ${(100 * (share - low) / (high - low || 1)).toFixed(2)}%`;
  const brief = (count) => (count >= 1e6 ? `${(count / 1e6).toPrecision(3)} M` : `${(count / 1e3).toPrecision(3)} k`);
  const percent = (share) => `${number(100 * share, 1)}%`;

  // Each run is a dot, the mean a bar, its interval a line, and the learner's own run a ring.
  function dots({ results, mean, interval: [from, to], own }) {
    const span = make("u", { style: `${place(from)}; width: ${100 * (to - from) / (high - low || 1)}%` });
    return make("div", { class: "mx-kin-dots", "aria-hidden": "true" }, span, make("s", { style: place(mean) }),
      ...results.map((share) => make("i", { style: place(share) })), own === null ? null : make("b", { style: place(own) }));
  }
  const lines = names.map((name) => {
    const { parameters, macs, speed } = models[name];
    const node = make("button", { type: "button", class: "mx-kin", role: "radio", click: () => state.pick({ model: name }),
        pointerenter: (event) => { if (event.pointerType !== "touch") state.hover({ model: name }); },
        pointerleave: () => state.hover({ model: null }) },
      make("span", {}, name), make("span", {}, brief(parameters)), make("span", { class: "mx-more" }, brief(macs)),
      make("span", { class: "mx-more" }, number(speed, speed < 10 ? 1 : 0)), dots(models[name]));
    return { name, node };
  });
  const ticks = [];
  for (let k = Math.round(20 * low); k <= Math.round(20 * high); k++) ticks.push(k / 20);
  const head = make("div", { class: "mx-kin" }, ...["token mixing", "weights", "MACs", "steps per s", "accuracy, held out"].map(
    (text, i) => make("em", { class: i === 2 || i === 3 ? "mx-more" : "", style: i === 4 ? "text-align: center" : "" }, text)));
  const foot = make("div", { class: "mx-kin" }, ...["", "", "", ""].map((text, i) =>
    make("span", { class: i === 2 || i === 3 ? "mx-more" : "" }, text)),
    make("div", { class: "mx-kin-dots" }, ...ticks.map((share) => make("span", { style: place(share) },
                                                                     `${Math.round(100 * share)}%`))));
  const list = make("div", { class: "mx-box", role: "radiogroup", "aria-label": "token mixing", style: "display: grid; gap: 2px",
    keydown: (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key], at = names.indexOf(state.get().model) + (step ?? 0);
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      if (names[at]) { state.pick({ model: names[at] }); lines[at].node.focus(); }
    } }, head, ...lines.map(({ node }) => node), foot);

  // ---- who hears whom ----------------------------------------------------------------------------------------

  const view = grid(state, { name: "token", rows, columns, cuts: true,
    label: { name: "token", of: (s) => `row ${Math.floor(s / columns)}, column ${s % columns}` } });
  const marks = texts(rows, columns);
  view.node.append(marks.node);
  const title = figure("", view.node), say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 7.5em" });
  title.style.cssText += "flex: 0 1 270px; min-width: min(220px, 100%)";
  const after = blocks <= 6 ? choices(state, "blocks", "blocks", Object.fromEntries(steps.map((k) => [k, k])))
    : slider(state, "blocks", "blocks", { values: steps });
  root.append(make("style", {}, LOOK), list, make("div", { class: "mx-row", style: "margin-top: 14px" }, title,
    make("div", { style: "flex: 1 1 260px; min-width: 0" }, after, say)));

  state.on(["model", "token", "blocks"], (now) => {
    const model = current(now, "model"), token = current(now, "token"), depth = now.blocks;
    const first = names.indexOf(model) * S * S;
    const heard = Array.from({ length: S }, (_, s) => hears[first + s * S + token]);         // after so many blocks; 0: never
    const within = (value, k) => value > 0 && value <= k;
    paint(view.canvas, columns, rows, (s) => (s === token ? [128, 128, 128, 0]
      : [128, 128, 128, within(heard[s], depth) ? Math.round(190 - 120 * (heard[s] - 1) / Math.max(blocks - 1, 1)) : 0]));
    marks.show(heard.map((value, s) => (s === token ? "•" : within(value, depth) ? String(value) : "")));
    lines.forEach(({ name, node }) => {
      node.setAttribute("aria-checked", String(name === now.model));
      node.tabIndex = name === now.model ? 0 : -1;
    });
    const count = (k) => heard.filter((value, s) => s !== token && within(value, k)).length;
    const needed = steps.find((k) => count(k) === S - 1), one = models[model];
    title.firstChild.innerHTML = `who hears token <b>${token}</b> after <b>${depth}</b> block${depth > 1 ? "s" : ""} of <b>${model}</b>`;
    const reach = needed ? `All others hear it after ${needed} block${needed > 1 ? "s" : ""}.`
      : `After all ${blocks} blocks, ${count(blocks)} of ${S - 1} others hear it.`;
    const [from, to] = one.interval;
    const line = from < to ? `, thin line ${number(100 * from, 1)} to ${percent(to)}` : "";
    const own = one.own === null ? "" : ` Your run: ${percent(one.own)}.`;
    say.innerHTML = `<b>${model}</b>: ${one.about} Token ${token} is heard by <b>${count(depth)} of ${S - 1}</b> others. ${reach}<br>` +
      `${one.parameters.toLocaleString("en-US")} parameters, ${one.macs.toLocaleString("en-US")} MACs per image. Accuracy on ` +
      `held-out images: <b>${percent(one.mean)}</b>, ${one.results.length} run${one.results.length > 1 ? "s" : ""}${line}.${own}`;
  });
});
