// An image cut into patches, one patch enlarged, and the table whose rows are the patches. Hover or pick a patch, a
// pixel, or an entry of the table: the other two follow.

import { choices, current, figure, grid, make, paint, pixel, widget } from "./kit.js";

export default widget((root, { image, facts }, state) => {
  const [channels, side] = image.shape, names = channels === 3 ? ["red", "green", "blue"] : ["gray"];
  const say = make("p", { class: "mx-say", "aria-live": "polite" });
  const views = make("div", { class: "mx-row" });
  root.append(make("div", { class: "mx-controls" },
    choices(state, "size", "patch size P", Object.fromEntries(facts.sizes.map((P) => [String(P), P])))), views, say);

  const sizes = (P) => ({ perRow: side / P, S: (side / P) ** 2, D: channels * P * P });

  // The entry d of row s as a place in the image, and back.
  function placeOf(P, s, d) {
    const { perRow } = sizes(P), c = Math.floor(d / (P * P)), y = Math.floor(d / P) % P, x = d % P;
    return { c, y, x, row: Math.floor(s / perRow) * P + y, column: s % perRow * P + x };
  }

  let built = null;
  state.on(["size"], ({ size: P }) => {
    if (built === P) return;
    const { perRow, S, D } = sizes(P);
    const old = state.get(), first = built === null;
    built = P;
    const patch = first ? old.patch : Math.min(old.patch, S - 1), entry = first ? old.entry : Math.min(old.entry, D - 1);
    if (patch !== old.patch || entry !== old.entry) state.pick({ patch, entry });

    const whole = grid(state, { name: "patch", rows: perRow, columns: perRow, cuts: true,
                                label: { name: "patch of the image", of: (s) => `patch ${s} of ${S}` } });
    paint(whole.canvas, side, side, (i) => pixel(image, i));

    const one = grid(state, { name: "entry", rows: P, columns: P, cuts: P <= 16, from: (d) => d % (P * P),
                              to: (cell) => Math.floor(state.get().entry / (P * P)) * P * P + cell,
                              label: { name: "pixel of the patch", of: (cell) => `row ${Math.floor(cell / P)}, column ${cell % P}` } });

    // The table: S rows, D columns; each entry in its channel's own gray.
    const cells = make("canvas", { "aria-hidden": "true" });
    paint(cells, D, S, (i) => {
      const { c, row, column } = placeOf(P, Math.floor(i / D), i % D);
      const value = image[(c * side + row) * side + column];
      return [value, value, value, 255];
    });
    const rows = make("svg:rect", { class: "mx-mark" }), halo = make("svg:rect", { class: "mx-halo" });
    const at = make("svg:rect", { class: "mx-mark" }), atHalo = make("svg:rect", { class: "mx-halo" });
    const blocks = make("svg:path", { class: "mx-cut", d: channels === 3 ? `M${D / 3} 0V${S}M${2 * D / 3} 0V${S}` : "" });
    const marks = make("svg:svg", { viewBox: `0 0 ${D} ${S}`, preserveAspectRatio: "none" }, blocks, halo, rows, atHalo, at);
    const table = make("div", { class: "mx-grid", tabindex: 0, role: "slider", "aria-valuemin": 0,
                                "aria-valuemax": D - 1, "aria-label": "entry of the table",
                                style: "aspect-ratio: 1.35" }, cells, marks);
    const find = (event) => {
      const box = table.getBoundingClientRect();
      const entry = Math.floor((event.clientX - box.left) / box.width * D);
      const patch = Math.floor((event.clientY - box.top) / box.height * S);
      return { patch: Math.max(0, Math.min(patch, S - 1)), entry: Math.max(0, Math.min(entry, D - 1)) };
    };
    table.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") state.hover(find(event)); });
    table.addEventListener("pointerleave", () => state.hover({ patch: null, entry: null }));
    table.addEventListener("click", (event) => state.pick(find(event)));
    table.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key] ?? [0, 0];
      if (!down && !right) return;
      event.preventDefault();
      event.stopPropagation();
      state.hover({ patch: null, entry: null });
      const patch = state.get().patch + down, entry = state.get().entry + right;
      if (patch >= 0 && patch < S && entry >= 0 && entry < D) state.pick({ patch, entry });
    });

    const oneFigure = figure("", one.node), tableFigure = figure(
      `the table: <b>S = ${S}</b> rows (patches) of <b>D = ${D}</b> numbers`, table);
    tableFigure.style.flexGrow = 1.35;
    views.replaceChildren(figure(`the image: ${side} × ${side} pixels, ${S} patches`, whole.node), oneFigure, tableFigure);
    root.dataset.built = P;

    state.on(["patch", "entry", "size"], (now) => {
      if (built !== P) return;
      const s = Math.min(current(now, "patch"), S - 1), d = Math.min(current(now, "entry"), D - 1);
      const { c, y, x, row, column } = placeOf(P, s, d);
      paint(one.canvas, P, P, (i) => pixel(image, (row - y + Math.floor(i / P)) * side + column - x + i % P));
      oneFigure.firstChild.innerHTML = `patch <b>${s}</b>: ${P} × ${P} pixels, ${channels} number${channels > 1 ? "s" : ""} each`;
      table.setAttribute("aria-valuenow", d);
      table.setAttribute("aria-valuetext", `row ${s}, number ${d}`);
      for (const rect of [rows, halo]) set(rect, { x: 0, y: s, width: D, height: 1 });
      for (const rect of [at, atHalo]) set(rect, { x: d - 0.5, y: s - 0.5, width: 2, height: 2 });
      const value = image[(c * side + row) * side + column];
      say.innerHTML = `<b>table[${s}, ${d}] = ${value}</b>: ${names[c]}, row ${y} and column ${x} of patch ${s}; ` +
                      `row ${row} and column ${column} of the image`;
    });
  });

  function set(rect, frame) {
    for (const [key, value] of Object.entries(frame)) rect.setAttribute(key, value);
  }
});
