// Images as training gets them, with their labels. Python draws the changes when the page asks. Without a kernel the page
// shows the few draws that it was sent: each change alone.

import { choices, current, figure, make, number, paint, pixel, slider, widget } from "./kit.js";

export default widget((root, { images, stored, shares, facts }, state) => {
  const [N, C, height, width] = images.shape, K = facts.classes.length, size = C * height * width;
  const part = (array, i) => Object.assign(array.subarray(i * size, (i + 1) * size), { shape: [C, height, width] });
  const canvas = () => make("canvas", { "aria-hidden": "true", style: "display: block; width: 100%; " +
                                        "image-rendering: pixelated; box-shadow: 0 0 0 1px var(--mx-line)" });
  const NAMES = ["draw", "crop_padding", "flip", "randaugment", "blend"];
  const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

  const controls = make("div", { class: "mx-controls" });
  if (state.kernel) controls.append(
    make("button", { type: "button", click: () => state.pick({ draw: (state.get().draw + 1) % 100 }) }, "draw again"),
    slider(state, "crop_padding", "crop padding", { high: 8, say: (n) => `${n} px` }),
    slider(state, "randaugment", "RandAugment", { high: 30, say: (n) => (n ? String(n) : "off") }),
    choices(state, "flip", "flips", { off: 0, on: 1 }),
    choices(state, "blend", "blend", { none: "", MixUp: "mixup", CutMix: "cutmix" }));
  else controls.append(
    choices(state, "alone", "change", Object.fromEntries(facts.alone.map(([name]) => [name, name]))),
    choices(state, "draw", "draw", Object.fromEntries(Array.from({ length: facts.draws }, (_, i) => [String(i + 1), i]))),
    make("div", { class: "mx-note", style: "font-size: 12px; color: var(--mx-soft); flex-basis: 100%" },
      `Without a kernel this page has ${facts.draws} stored draws of each change alone. In JupyterLab you set the strengths, ` +
      "combine the changes, and draw as often as you like."));

  const tiles = Array.from({ length: N }, (_, image) => {
    const picture = canvas(), text = make("div", { style: "font-size: 12px; line-height: 1.3; min-height: 2.6em" });
    const node = make("div", { role: "radio", "aria-label": `image ${image}`, style: "cursor: pointer; padding: 3px; " +
      "border-radius: 4px", pointerenter: (event) => { if (event.pointerType !== "touch") state.hover({ image }); },
                               click: () => state.pick({ image }) }, picture, text);
    return { node, picture, text };
  });
  const strip = make("div", { role: "radiogroup", "aria-label": "images", tabindex: 0, class: "mx-images",
    style: "display: grid; gap: 4px; grid-template-columns: repeat(auto-fit, minmax(88px, 1fr)); border-radius: 4px",
    pointerleave: () => state.hover({ image: null }),
    keydown: (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const image = state.get().image + step;
      if (image >= 0 && image < N) state.pick({ image });
    } }, ...tiles.map(({ node }) => node));
  const before = canvas(), after = canvas(), label = make("div", { style: "display: flex; height: 22px; gap: 2px" });
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 3em" });
  const right = make("div", { style: "flex: 1 1 220px; align-self: center" },
    make("div", { style: "font-size: 12px; color: var(--mx-soft); margin-bottom: 4px" }, "its label: the share of each class"),
    label, say);
  const views = [figure("the image", before), figure("what the network is given", after)];
  views.forEach((view) => { Object.assign(view.style, { flex: "1 1 140px", maxWidth: "210px" }); });
  root.append(controls, strip, make("div", { class: "mx-row", style: "margin-top: 12px" }, ...views, right));

  // What is drawn now: pixels and shares, and the settings that they belong to.
  let shown = { of: [], pixels: images, shares: null };
  function show(of, pixels, kinds) {
    shown = { of, pixels, shares: kinds };
    root.classList.remove("mx-waits");
    tiles.forEach(({ picture, text }, i) => {
      const one = part(pixels, i);
      paint(picture, width, height, (at) => pixel(one, at));
      text.replaceChildren(...parts(i).slice(0, 2).map(([name, share]) =>
        make("div", {}, share > 0.999 ? name : `${number(100 * share, 0)}% ${name}`)));
    });
    large();
  }
  // The classes that an image's label has, the largest share first.
  const parts = (i) => facts.classes.map((name, k) => [name, shown.shares[i * K + k]]).filter(([, share]) => share > 0)
    .sort((a, b) => b[1] - a[1]);

  function large() {
    const now = state.get(), i = current(now, "image");
    tiles.forEach(({ node }, n) => {
      node.setAttribute("aria-checked", String(n === now.image));
      node.style.outline = n === now.image ? "2px solid var(--mx-ink)" : n === i ? "1.5px dashed var(--mx-ink)" : "none";
    });
    if (!shown.shares) return;
    const [old, fresh] = [part(images, i), part(shown.pixels, i)];
    paint(before, width, height, (at) => pixel(old, at));
    paint(after, width, height, (at) => pixel(fresh, at));
    label.replaceChildren(...parts(i).map(([name, share], n) => make("div", { title: name, style: `flex: ${share} 1 0; ` +
      `min-width: 0; transition: flex .25s; background: ${n ? "var(--mx-fill)" : "var(--mx-soft)"}; ` +
      "border: 1px solid var(--mx-soft)" })));
    say.textContent = `Image ${i}: ${parts(i).map(([name, share]) => `${number(100 * share, 0)}% ${name}`).join(", ")}.` +
      (now.blend ? ` It is blended with image ${(i + N - 1) % N}.` : "");
  }
  state.on(["image"], large);

  if (!state.kernel)
    state.on(["alone"], ({ alone }) => {
      const values = facts.alone.find(([name]) => name === alone)[1];
      state.pick(Object.fromEntries(NAMES.slice(1).map((name, i) => [name, values[i]])));
    });
  state.on(NAMES, (now) => {
    const asked = NAMES.map((name) => now[name]), kept = facts.keys.findIndex((key) => same(key, asked));
    const plain = facts.keys.findIndex((key) => same(key.slice(1), asked.slice(1)) && !asked.slice(1).some(Boolean));
    const n = kept < 0 ? plain : kept;          // without a change, all draws are alike
    if (n >= 0) show(asked, stored.subarray(n * N * size, (n + 1) * N * size), shares.subarray(n * N * K, (n + 1) * N * K));
    else if (!same(shown.of, asked)) root.classList.add("mx-waits");
    if (n < 0 && state.kernel && !same(now.asked, asked)) state.pick({ asked });
  });
  state.answers(({ asked, pixels, labels }) => {
    if (!asked || !same(asked, NAMES.map((name) => state.get()[name]))) return;       // late: another one is on its way
    const bytes = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    show(asked, new Uint8Array(bytes(pixels)), new Float32Array(bytes(labels)));
  });
});
