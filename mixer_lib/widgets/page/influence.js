// What moves when a patch moves: the image in its patches, the tokens at one depth in large, and every depth in small.
// A patch says which tokens it moves, column i of the strengths. A token says which patches reach it, row j: then only
// those patches of the image are lit.

import { colorScale, current, figure, grid, make, number, paint, pixel, signed, texts, widget } from "./kit.js";

export default widget((root, { image, strengths, facts }, state) => {
  const [, height, width] = image.shape, [depths, S] = strengths.shape, P = facts.patch_size;
  const columns = width / P, rows = S / columns;
  const strength = (depth, token, patch) => strengths[(depth * S + token) * S + patch];
  const name = (s) => (s < 0 ? "none" : `row ${Math.floor(s / columns)}, column ${s % columns}: number ${s} of ${S}`);
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });

  // The numbers of all tokens (from a patch) or of all patches (to a token) at one depth, and the largest.
  function field(depth, { patch, token }) {
    const values = Array.from({ length: S }, (_, s) =>
      (token === undefined ? strength(depth, s, patch) : strength(depth, token, s)));
    return { values, top: Math.max(...values) };
  }
  // The root keeps what is small visible; what is exactly zero stays empty.
  const color = (value, top) => (value ? signed(Math.sqrt(value / top), 1) : [0, 0, 0, 0]);

  const label = (what) => ({ name: what, of: name });
  const whole = grid(state, { name: "patch", rows, columns, cuts: true, ratio: width / height,
                              label: label("patch of the image") });
  const map = grid(state, { name: "token", rows, columns, cuts: columns <= 8, ratio: width / height,
                            label: label("token") });
  const inImage = thin(whole), inMap = thin(map), scale = colorScale({ root: true, width: "190px" });
  const numbers = columns <= 8 ? texts(rows, columns) : null;
  if (numbers) map.node.append(numbers.node);

  // A frame that marks the place which belongs to what is picked in the other view.
  function thin(view) {
    const rect = make("svg:rect", { fill: "none", stroke: "var(--mx-ink)", "stroke-width": 1,
                                    "vector-effect": "non-scaling-stroke", class: "mx-own" });
    view.node.querySelector("svg").append(rect);
    return rect;
  }

  const tiles = Array.from({ length: depths }, (_, depth) => {
    const canvas = make("canvas", { "aria-hidden": "true", style: "display: block; width: 100%; height: 100%; " +
                                                                  "image-rendering: pixelated" });
    const rect = make("svg:rect", { class: "mx-mark", width: 1, height: 1, style: "stroke-width: 1px" });
    const picture = make("div", { style: `position: relative; aspect-ratio: ${width / height}; ` +
                                         "box-shadow: 0 0 0 1px var(--mx-line)" }, canvas,
      make("svg:svg", { viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true",
                        style: "position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible" }, rect));
    const node = make("div", { role: "radio", "data-depth": depth, "aria-label": `depth ${depth}`,
                               style: "cursor: pointer; font-size: 12px; padding: 4px 4px 1px; border-radius: 4px",
                               pointerenter: (event) => { if (event.pointerType !== "touch") state.hover({ depth }); },
                               click: () => state.pick({ depth }) },
      picture, make("div", { style: "text-align: center" }, String(depth)));
    return { node, canvas, rect };
  });
  const strip = make("div", { role: "radiogroup", "aria-label": "depth, in blocks", tabindex: 0, class: "mx-depths",
    style: "display: grid; gap: 4px; grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); border-radius: 4px",
    pointerleave: () => state.hover({ depth: null }),
    keydown: (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const depth = state.get().depth + step;
      if (depth >= 0 && depth < depths) state.pick({ depth });
    } }, ...tiles.map(({ node }) => node));
  const release = make("button", { type: "button", click: () => state.pick({ token: -1 }) }, "light the whole image");

  const views = [figure("", whole.node, make("div", { style: "margin-top: 8px; min-height: 2em" }, release)),
                 figure("", map.node, scale.node), figure("", strip)];
  views.forEach((view) => { view.style.flex = "1 1 230px"; view.firstChild.style.minHeight = "2.9em"; });
  root.append(make("div", { class: "mx-row" }, ...views), say);

  const put = (rect, s) => {
    rect.style.display = s < 0 ? "none" : "";
    for (const [key, value] of Object.entries({ x: s % columns, y: Math.floor(s / columns), width: 1, height: 1 }))
      rect.setAttribute(key, value);
  };

  state.on(["patch", "token", "depth"], (now) => {
    const patch = current(now, "patch"), token = current(now, "token"), depth = current(now, "depth");
    // With the hand on the image, a patch is meant and not the token that is still picked.
    const to = token >= 0 && (now.hover.patch ?? null) === null;
    const lit = to ? field(depth, { token }) : null;
    paint(whole.canvas, width, height, (i) => {
      const s = Math.floor(Math.floor(i / width) / P) * columns + Math.floor(i % width / P);
      const [red, green, blue] = pixel(image, i);
      return [red, green, blue, lit ? Math.round(18 + 237 * Math.sqrt(lit.values[s] / (lit.top || 1))) : 255];
    });
    const { values, top } = field(depth, { patch });
    paint(map.canvas, columns, rows, (s) => color(values[s], top));
    numbers?.show(values.map((value) => (value === 0 ? "0" : value < 0.05 ? "<0.1" : number(value, 1))));
    scale.show(top);
    put(inImage, to ? token : -1);
    put(inMap, patch);
    tiles.forEach(({ node, canvas, rect }, d) => {
      const small = field(d, to ? { token } : { patch });
      paint(canvas, columns, rows, (s) => color(small.values[s], small.top));
      put(rect, to ? token : patch);
      node.setAttribute("aria-checked", String(d === now.depth));
      node.style.outline = d === now.depth ? "2px solid var(--mx-ink)"
        : d === depth ? "1.5px dashed var(--mx-ink)" : "none";
    });
    release.disabled = now.token < 0;
    release.style.visibility = now.token < 0 ? "hidden" : "visible";

    views[0].firstChild.innerHTML = to ? `lit: the patches that reach token <b>${token}</b> at depth <b>${depth}</b>`
      : `the image: patch <b>${patch}</b> moves`;
    views[1].firstChild.innerHTML = `the tokens at depth <b>${depth}</b>: how strongly each moves with patch <b>${patch}</b>`;
    views[2].firstChild.innerHTML = to ? `every depth, in blocks: the patches that reach token <b>${token}</b>`
      : `every depth, in blocks: the tokens that patch <b>${patch}</b> moves`;
    const some = (list) => list.filter((value) => value !== 0).length, most = (list) => list.indexOf(Math.max(...list));
    const share = 100 * values[patch] ** 2 / values.reduce((sum, value) => sum + value ** 2, 0);
    const moved = `Patch ${patch} moves <b>${some(values)} of ${S} tokens</b> at depth ${depth}. <b>${share.toFixed(0)}%</b> ` +
      `of the movement (squared) is its own token's; token ${most(values)} moves most, by ${number(top, 1)}.`;
    const reached = to ? `<b>Token ${token}</b> at depth ${depth} moves by <b>${number(values[token], 2)}</b> with patch ` +
      `${patch}. <b>${some(lit.values)} of ${S} patches</b> reach it, patch ${most(lit.values)} most, with ` +
      `${number(lit.top, 1)}.` : "Touch a token to see which patches reach it.";
    say.innerHTML = `${moved}<br>${reached}`;
  });
});
