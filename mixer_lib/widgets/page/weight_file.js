// A file of weights beside the model that reads it. Hover or pick an array by its name in the file or in the model, and
// one of its numbers in either layout: the other side follows.

import { colorScale, current, figure, grid, make, number, paint, signed, slider, texts, widget } from "./kit.js";

export default widget((root, { values, source, facts }, state) => {
  const { rows, order } = facts, [L, total] = values.shape, high = 264;      // pixels that the arrays may take
  const target = new Int32Array(total);                       // the inverse of source
  for (const { start, size } of rows) for (let i = 0; i < size; i++) target[start + source[start + i]] = i;
  const flat = (shape) => [shape.slice(0, -1).reduce((a, b) => a * b, 1), shape.at(-1)];         // [rows, columns]
  const index = (shape, i) => {
    const places = [];
    for (const side of [...shape].reverse()) { places.unshift(i % side); i = Math.floor(i / side); }
    return places.join(", ");
  };
  const named = (text, block) => text.replace("*", block);

  // The arrays follow the row that is shown; their shapes change with it, so this listener is the first.
  let shown = rows[current(state.get(), "row")];
  const tables = [];
  const fit = (view, shape) => {
    const [down, across] = flat(shape), longest = Math.max(...flat(shown.theirs), ...flat(shown.ours));
    view.shape(down, across);
    Object.assign(view.node.style, { aspectRatio: `${across} / ${down}`,
                                     width: `min(100%, ${across * Math.min(26, high / longest)}px)` });
  };
  state.on(["row"], (now) => {
    shown = rows[current(now, "row")];
    tables.forEach((view, i) => fit(view, i ? shown.ours : shown.theirs));
  });

  // Two lists of names, each in the order of its own side.
  const list = (name, rowAt, says) => {
    const view = grid(state, { name: "row", rows: rows.length, columns: 1, to: (cell) => rowAt[cell],
                               from: (row) => rowAt.indexOf(row),
                               label: { name, of: (cell) => named(says(rows[rowAt[cell]]), state.get().block) } });
    const words = texts(rows.length, 1);
    Object.assign(view.node.style, { aspectRatio: "auto", height: `${20 * rows.length}px` });
    Object.assign(words.node.style, { justifyItems: "start", paddingLeft: "6px", fontSize: "11px", overflow: "hidden",
                                      whiteSpace: "nowrap" });
    view.node.append(words.node);
    state.on(["block"], ({ block }) => words.show(rowAt.map((row) => named(says(rows[row]), block))));
    return view;
  };
  const inFile = list("name in the file", order, (row) => row.file);
  const inModel = list("name in the model", rows.map((_, i) => i), (row) => row.model);

  // The array in both layouts. "entry" counts the numbers as the file has them.
  const table = (name, shape, to, from) => grid(state, {
    name: ["row", "entry"], rows: flat(shape)[0], columns: flat(shape)[1], cuts: true,
    to: (cell) => ({ row: rows.indexOf(shown), entry: to(cell) }),
    from: ({ entry }) => from(Math.min(entry, shown.size - 1)),
    label: { name, of: (cell) => `number ${cell} of ${shown.size}` } });
  tables.push(table("the array in the file", shown.theirs, (cell) => cell, (entry) => entry),
              table("the tensor in the model", shown.ours, (cell) => source[shown.start + cell],
                    (entry) => target[shown.start + entry]));
  fit(tables[0], shown.theirs);
  fit(tables[1], shown.ours);

  const scale = colorScale({ width: "300px" });
  const views = tables.map((view) => figure("", view.node));
  const say = make("p", { class: "mx-say", "aria-live": "polite", style: "min-height: 4.4em" });
  const names = [figure(`in the file: <b>${rows.length}</b> arrays at a time, sorted by name`, inFile.node),
                 figure("in the model, in the order of the computation", inModel.node)];
  for (const one of [...names, ...views]) one.style.flex = "1 1 300px";
  root.append(make("div", { class: "mx-controls" }, slider(state, "block", "block", { high: L - 1 })),
              make("div", { class: "mx-row" }, ...names), say,
              make("div", { class: "mx-row", style: `min-height: ${high + 30}px; margin-top: 8px` }, ...views), scale.node);

  state.on(["block", "row", "entry"], (now) => {
    const { block } = now, { start, size, theirs, ours } = shown;
    const own = values.subarray(block * total + start, block * total + start + size);
    const top = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const [[, wide], [, ourWide]] = [flat(theirs), flat(ours)];
    paint(tables[0].canvas, wide, size / wide, (i) => signed(own[i], top));
    paint(tables[1].canvas, ourWide, size / ourWide, (i) => signed(own[source[start + i]], top));
    scale.show(top);
    const entry = Math.min(current(now, "entry"), size - 1);
    views[0].firstChild.innerHTML = `in the file: <b>(${theirs.join(", ")})</b>`;
    views[1].firstChild.innerHTML = `in the model: <b>[${ours.join(", ")}]</b>`;
    say.innerHTML = `<b>${named(shown.file, block)}</b> becomes <b>${named(shown.model, block)}</b>, in timm ` +
      `${named(shown.timm, block)}: ${shown.done}.<br>Entry (${index(theirs, entry)}) of the file, ${number(own[entry])}, ` +
      `is entry [${index(ours, target[start + entry])}] of the model.`;
  });
});
