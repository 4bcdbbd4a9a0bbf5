// What all widgets of the page are made of: a frame with the theme's colors, a selection that every view shares, grids of
// cells, buttons and sliders. Plain DOM and SVG; pixels lie in canvases of one pixel per cell, which CSS scales, and
// carry their sign as a color and their size as opacity. So nothing is drawn again when the theme or the zoom changes.

const SVG = "http://www.w3.org/2000/svg";

// Colors follow JupyterLab's variables, and where there are none the reader's system.
const STYLE = `
.mx { --mx-ink: var(--jp-content-font-color1, light-dark(#1b1b1b, #e8e8e8));
      --mx-soft: var(--jp-content-font-color2, light-dark(#555, #aaa));
      --mx-line: color-mix(in srgb, var(--mx-ink) 22%, transparent);
      --mx-paper: var(--jp-layout-color0, light-dark(#fff, #111));
      --mx-fill: color-mix(in srgb, var(--mx-ink) 7%, transparent);
      --mx-plus: #e07b28; --mx-minus: #2f86d1;
      color-scheme: light dark; color: var(--mx-ink); background: transparent;
      font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); font-variant-numeric: tabular-nums;
      box-sizing: border-box; width: 100%; max-width: 900px; padding: 4px; overflow: visible; }
body[data-jp-theme-light="true"] .mx { color-scheme: light; }
body[data-jp-theme-light="false"] .mx { color-scheme: dark; }
.mx *, .mx *::before { box-sizing: border-box; }
.mx-row { display: flex; flex-wrap: wrap; gap: 10px 22px; align-items: flex-start; }
.mx-controls { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center; margin: 0 0 10px; }
.mx figure { margin: 0; flex: 1 1 0; min-width: 0; }
.mx figcaption { color: var(--mx-soft); font-size: 12px; min-height: 1.45em; margin: 0 0 4px; }
.mx figcaption b { color: var(--mx-ink); font-weight: 600; }
.mx-grid { position: relative; width: 100%; touch-action: manipulation; cursor: pointer; outline: none;
           border-radius: 2px; background: var(--mx-paper); box-shadow: 0 0 0 1px var(--mx-line); }
.mx-grid canvas { display: block; width: 100%; height: 100%; image-rendering: pixelated; }
.mx-grid svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; pointer-events: none; }
.mx-grid:focus-visible { box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-halo { fill: none; stroke: var(--mx-paper); stroke-width: 5px; vector-effect: non-scaling-stroke; }
.mx-mark { fill: none; stroke: var(--mx-ink); stroke-width: 2px; vector-effect: non-scaling-stroke; }
.mx-hover { fill: none; stroke: var(--mx-ink); stroke-width: 1.5px; stroke-dasharray: 3 2;
            vector-effect: non-scaling-stroke; }
.mx-cut { fill: none; stroke: var(--mx-paper); stroke-opacity: .75; stroke-width: 1px;
          vector-effect: non-scaling-stroke; }
.mx-photo .mx-cut { stroke: #808080; stroke-opacity: 1; }
.mx-choices { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 0; border: 0; margin: 0; padding: 0; }
.mx-choices legend, .mx-slider > span { float: left; margin-right: 8px; color: var(--mx-soft); padding: 0; }
.mx button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--mx-line); cursor: pointer;
             padding: 3px 10px; margin: 0 0 0 -1px; }
.mx button:first-of-type { border-radius: 4px 0 0 4px; margin-left: 0; }
.mx button:last-of-type { border-radius: 0 4px 4px 0; }
.mx button:only-of-type { border-radius: 4px; }
.mx button:hover { background: var(--mx-fill); }
.mx button[aria-pressed="true"] { background: var(--mx-ink); color: var(--mx-paper); border-color: var(--mx-ink); }
.mx button:focus-visible, .mx input:focus-visible { outline: 2px solid var(--mx-ink); outline-offset: 2px; }
.mx-slider { display: inline-flex; align-items: center; gap: 8px; }
.mx-slider input { width: 170px; accent-color: var(--mx-ink); margin: 0; }
.mx-slider output { min-width: 3.2em; }
.mx-say { min-height: 1.5em; margin: 8px 0 0; }
.mx-error { border-left: 3px solid #c62828; padding: 4px 10px; margin-top: 8px; white-space: pre-wrap; }
.mx-waits { opacity: .55; transition: opacity .15s .2s; }
.mx svg text { fill: var(--mx-ink); font-size: 12px; }
.mx svg .mx-soft { fill: var(--mx-soft); }
.mx-four { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px 32px; align-items: start; }
.mx-wide { grid-column: span 2; }
.mx-sign { position: relative; }
.mx-sign::before { content: attr(data-sign); position: absolute; left: -32px; width: 32px; text-align: center; top: 50%;
                   transform: translateY(-50%); font-size: 20px; color: var(--mx-soft); }
.mx-texts { position: absolute; inset: 0; display: grid; place-items: center; pointer-events: none; font-size: 12px;
            line-height: 1; }
.mx-box { container-type: inline-size; }
@container (max-width: 620px) { .mx-four { grid-template-columns: repeat(2, 1fr); gap: 14px 24px; padding-left: 20px; }
                                .mx-sign::before { left: -24px; width: 24px; }
                                .mx-wide { order: 1; } .mx-texts { font-size: 11px; letter-spacing: -.3px; }
                                .mx-four figcaption { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
                                .mx-four .mx-say { min-height: 9em !important; } }
.mx-scale { display: grid; grid-template-columns: repeat(3, 1fr); margin-top: 6px; color: var(--mx-soft); font-size: 11px;
            max-width: 100%; white-space: nowrap; }
.mx-scale i { grid-column: span 3; height: 9px; box-shadow: 0 0 0 1px var(--mx-line); }
.mx-scale span { text-align: center; } .mx-scale i + span { text-align: left; } .mx-scale span:last-child { text-align: right; }
.mx-curve { display: block; width: 100%; cursor: ew-resize; touch-action: pan-y; overflow: visible; border-radius: 2px; outline: none; }
.mx-curve:focus-visible { box-shadow: 0 0 0 2px var(--mx-ink); }
.mx-spans { display: grid; grid-template-columns: auto 1fr auto; gap: 5px 10px; align-items: center; }
.mx-spans div { position: relative; height: 18px; overflow: hidden; }
.mx-spans i { position: absolute; top: 3px; bottom: 3px; transition: left .25s, width .25s; }
.mx-spans u { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--mx-soft); transition: left .25s; }
.mx-spans output { text-align: right; }
@media (pointer: coarse) { .mx input[type="range"] { height: 28px; } .mx button { min-height: 28px; } }
@media (prefers-reduced-motion: reduce) { .mx * { transition: none !important; animation: none !important; } }
`;

// An HTML element, or with a name such as "svg:path" one of SVG. Functions among the attributes are listeners.
export function make(name, attributes = {}, ...children) {
  const svg = name.startsWith("svg:");
  const node = svg ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// The style that all widgets share stands once, in the head of the page. So the style of a widget, which stands in its own
// place, comes later and outweighs it, however many widgets follow.
function dress() {
  const worn = [...document.head.querySelectorAll("style.mx-style")];
  if (!worn.some((style) => style.textContent === STYLE)) document.head.append(make("style", { class: "mx-style" }, STYLE));
}

// A widget's frame: draws with `draw(root, data, state)`, which may return a function that ends it, and shows in place
// what goes wrong, now or in a listener.
export function widget(draw) {
  return {
    render({ model, el }) {
      const root = make("div", { class: "mx" });
      root.dataset.lmSuppressShortcuts = "true";        // otherwise JupyterLab takes the arrow keys and Enter,
      root.addEventListener("keydown", (event) => {     // and on a slider or a button it takes them even so
        if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
      });
      dress();
      el.append(root);
      const problem = make("div", { class: "mx-error", role: "alert", hidden: true });
      const fail = (error) => {
        problem.textContent = `This picture could not be drawn. ${error?.stack ?? error}`;
        problem.hidden = false;
      };
      const ends = [];
      try {
        const state = shared(model, fail);
        ends.push(state.end);
        const end = draw(root, arrays(model), state);
        if (end) ends.push(end);
      } catch (error) {
        fail(error);
      }
      root.append(problem);
      const said = () => { if (model.get("problem")) fail(model.get("problem")); else problem.hidden = true; };
      model.on?.("change:problem", said);
      return () => { model.off?.("change:problem", said); ends.forEach((end) => end()); };
    },
  };
}

const KINDS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

// Numbers of 16 bits as JavaScript's own: 1 bit for the sign, 5 for the exponent, 10 for the fraction.
function halves(bits) {
  return Float32Array.from(bits, (half) => {
    const exponent = half >> 10 & 31, fraction = half & 1023, sign = half >> 15 ? -1 : 1;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  });
}

// What Python sent: {name: typed array with a `shape`}, and under `facts` the plain values.
export function arrays(model) {
  const shapes = model.get("shapes"), bytes = model.get("arrays"), data = { facts: model.get("facts") };
  for (const [name, [kind, shape]] of Object.entries(shapes)) {
    const view = bytes[name];
    const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);      // aligned for its kind
    const numbers = kind === "float16" ? halves(new Uint16Array(copy)) : new KINDS[kind](copy);
    data[name] = Object.assign(numbers, { shape });
  }
  return data;
}

// The selection, which all views of a widget share. `picked` lives in the model, so Python and other views of the widget
// see it; `hover` lives here alone. A listener is called at once and whenever one of the names that it asks for changes.
function shared(model, fail) {
  const listeners = [], hover = {};
  const now = () => ({ ...model.get("picked"), hover: { ...hover } });
  const tell = (changed) => {
    for (const { names, listen } of listeners)
      if (!names || names.some((name) => changed.has(name))) {
        try { listen(now()); } catch (error) { fail(error); }
      }
  };
  let before = model.get("picked");
  const fromModel = () => {
    const after = model.get("picked"), changed = new Set();
    for (const name of Object.keys({ ...before, ...after })) if (before[name] !== after[name]) changed.add(name);
    before = after;
    if (changed.size) tell(changed);
  };
  model.on?.("change:picked", fromModel);
  return {
    get: now,
    on(names, listen) {
      listeners.push({ names, listen });
      listen(now());
    },
    pick(values) {
      model.set("picked", { ...model.get("picked"), ...values });
      model.save_changes();
      fromModel();
    },
    hover(values) {
      const changed = new Set(Object.keys(values).filter((name) => hover[name] !== values[name]));
      Object.assign(hover, values);
      if (changed.size) tell(changed);
    },
    // What Python answers to a selection that the page cannot answer itself; `kernel`: whether there may be one.
    answers(listen) {
      model.on?.("change:answer", () => { try { listen(model.get("answer")); } catch (error) { fail(error); } });
    },
    // Numbers that Python sends again: called with all of them, at once and whenever new ones have come. One message may
    // change the arrays, the facts, or both, and is drawn once.
    numbers(listen) {
      const tell = () => { try { listen(arrays(model)); } catch (error) { fail(error); } };
      let due = false;
      const come = () => {
        if (!due) queueMicrotask(() => { due = false; tell(); });
        due = true;
      };
      for (const name of ["arrays", "facts"]) model.on?.(`change:${name}`, come);
      tell();
    },
    kernel: typeof model.send === "function",
    end: () => model.off?.("change:picked", fromModel),
  };
}

// The current value of a selection: what the pointer is on, else what is picked.
export const current = (state, name) => state.hover[name] ?? state[name];

// Set a text where it differs: each one set makes the page lay itself out again.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- pixels ----------------------------------------------------------------------------------------------------

const PLUS = [224, 123, 40], MINUS = [47, 134, 209];
const SHADES = [PLUS, MINUS].map((color) => Array.from({ length: 256 }, (_, opacity) => [...color, opacity]));

// Paint numbers on a canvas of `width` x `height` pixels: at(i) -> [red, green, blue, opacity 0..255].
export function paint(canvas, width, height, at) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), out = image.data;
  for (let i = 0; i < width * height; i++) {
    const color = at(i);
    out[4 * i] = color[0]; out[4 * i + 1] = color[1]; out[4 * i + 2] = color[2]; out[4 * i + 3] = color[3];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A number as a color: orange above zero, blue below, and as opaque as it is large beside `top`.
export function signed(value, top) {
  const share = Math.min(Math.abs(value) / (top || 1), 1) || 0;         // not a number: no color
  return SHADES[+(value < 0)][Math.round(255 * share)];
}

// The pixel i of an image, uint8 [C, H, W] in `pixels`, as a color.
export function pixel(pixels, i) {
  const [channels, height, width] = pixels.shape, size = height * width;
  return channels === 1 ? [pixels[i], pixels[i], pixels[i], 255]
                        : [pixels[i], pixels[size + i], pixels[2 * size + i], 255];
}

// ---- a grid of cells -------------------------------------------------------------------------------------------

// Cells in `rows` x `columns` that can be hovered, clicked, and reached with the arrow keys. `name`: of the selection.
// `draw(canvas)` paints all of it. `label(cell)`: what a screen reader says. `cuts`: whether lines part the cells.
// `to(cell)` and `from(value)` turn a cell into a value of the selection and back, if they are not the same. Where a cell
// stands for several values, `name` is a list, `to` gives {name: value}, and `from` takes that.
export function grid(state, { name, rows, columns, ratio = columns / rows, label, cuts = false, to = (cell) => cell,
                              from = (value) => value }) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const lines = make("svg:path", { class: "mx-cut" });
  const halo = make("svg:rect", { class: "mx-halo" }), mark = make("svg:rect", { class: "mx-mark" });
  const over = make("svg:rect", { class: "mx-hover" });
  const svg = make("svg:svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, lines, halo, mark, over);
  const node = make("div", { class: "mx-grid", tabindex: 0, role: "slider", "aria-valuemin": 0,
                             style: `aspect-ratio: ${ratio}` }, canvas, svg);

  function shape(newRows, newColumns) {
    [rows, columns] = [newRows, newColumns];
    svg.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    node.setAttribute("aria-valuemax", rows * columns - 1);
    let path = "";
    for (let i = 1; cuts && i < columns; i++) path += `M${i} 0V${rows}`;
    for (let i = 1; cuts && i < rows; i++) path += `M0 ${i}H${columns}`;
    lines.setAttribute("d", path);
  }

  function place(rect, cell) {
    const shown = cell !== null && cell !== undefined && cell >= 0 && cell < rows * columns;
    rect.style.display = shown ? "" : "none";
    if (!shown) return;
    const frame = { x: cell % columns, y: Math.floor(cell / columns), width: 1, height: 1 };
    for (const [key, value] of Object.entries(frame)) rect.setAttribute(key, value);
  }

  function cellAt(event) {
    const box = node.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * columns);
    const y = Math.floor((event.clientY - box.top) / box.height * rows);
    return x >= 0 && y >= 0 && x < columns && y < rows ? y * columns + x : null;
  }

  const names = [name].flat(), several = Array.isArray(name);
  const values = (cell) => (several ? to(cell) : { [name]: to(cell) });
  const cellOf = (chosen) => from(several ? chosen : chosen[name]);
  const nothing = Object.fromEntries(names.map((one) => [one, null]));
  const pick = (cell) => { if (cell !== null) state.pick(values(cell)); };
  const touch = (cell) => state.hover(cell === null ? nothing : values(cell));
  node.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") touch(cellAt(event)); });
  node.addEventListener("pointerleave", () => touch(null));
  node.addEventListener("click", (event) => pick(cellAt(event)));
  node.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!step) return;
    event.preventDefault();                     // otherwise the page scrolls
    event.stopPropagation();
    touch(null);                                // a key outweighs a pointer that rests on the grid
    const cell = cellOf(state.get()) + step;
    if (cell >= 0 && cell < rows * columns) pick(cell);
  });

  shape(rows, columns);
  state.on(names, (now) => {
    const picked = cellOf(now), hovered = names.filter((one) => (now.hover[one] ?? null) !== null);
    place(halo, picked);
    place(mark, picked);
    const touched = Object.fromEntries(hovered.map((one) => [one, now.hover[one]]));
    place(over, hovered.length ? cellOf({ ...now, ...touched }) : null);
    node.setAttribute("aria-valuenow", picked);
    if (!label) return;
    node.setAttribute("aria-label", label.name ?? names.join(", "));
    node.setAttribute("aria-valuetext", label.of(picked));
  });
  return { node, canvas, shape, place };
}

// Texts over the cells of a grid; its `node` belongs into the grid's. show(list) sets them, cell by cell.
export function texts(rows, columns) {
  const cells = Array.from({ length: rows * columns }, () => make("span"));
  const style = `grid-template-columns: repeat(${columns}, 1fr); grid-template-rows: repeat(${rows}, 1fr)`;
  const node = make("div", { class: "mx-texts", "aria-hidden": "true", style }, ...cells);
  return { node, show: (list) => cells.forEach((cell, i) => { cell.textContent = list[i]; }) };
}

// A strip of colors with texts below its ends and its middle; show(texts). `colors`: for CSS, from left to right.
export function ramp(colors, texts = ["", "", ""], { most = 1, width = "100%" } = {}) {
  const ends = texts.map((text) => make("span", {}, text));
  const node = make("div", { class: "mx-scale", style: `width: ${width}` },
    make("i", { style: `opacity: ${most}; background-image: linear-gradient(to right, ${colors})` }), ...ends);
  return { node, show: (texts) => ends.forEach((end, i) => { end.textContent = texts[i]; }) };
}

// What the colors of `signed` mean: from -top to top, or (root) from 0 to top, with the square root of a share as opacity,
// so that small numbers stay visible. `most`: how opaque the color is at the ends. `beyond`: these are the ends of the
// colors, not of the numbers. show(top) sets the numbers.
export function colorScale({ digits, root = false, beyond = false, ...more } = {}) {
  const one = ramp(root ? "transparent, var(--mx-plus)" : "var(--mx-minus), transparent, var(--mx-plus)", undefined, more);
  one.node.setAttribute("role", "img");
  return { node: one.node, show(top) {
    const exact = digits ?? (top >= 100 ? 0 : top >= 10 ? 1 : top >= 0.1 ? 2 : 3), text = (x) => number(x, exact);
    one.show(root ? ["0", text(top / 4), text(top)]
      : [`${beyond ? "\u2264 " : ""}${text(-top)}`, "0", `${beyond ? "\u2265 " : ""}${text(top)}`]);
    one.node.setAttribute("aria-label", root ? `colors: none for 0, orange for ${text(top)}`
      : `colors: blue for ${text(-top)}${beyond ? " and less" : ""}, orange for ${text(top)}${beyond ? " and more" : ""}`);
  } };
}

// A view with its caption: a <figure>.
export function figure(caption, ...children) {
  const text = make("figcaption");
  text.innerHTML = caption;
  return make("figure", {}, text, ...children);
}

// ---- controls --------------------------------------------------------------------------------------------------

// A row of buttons for two to six choices: {label: value}.
export function choices(state, name, title, options) {
  const buttons = Object.entries(options).map(([label, value]) => {
    const button = make("button", { type: "button", click: () => state.pick({ [name]: value }) }, label);
    return [button, value];
  });
  state.on([name], (now) => buttons.forEach(([button, value]) =>
    button.setAttribute("aria-pressed", String(now[name] === value))));
  return make("fieldset", { class: "mx-choices" }, make("legend", {}, title), ...buttons.map(([button]) => button));
}

// A slider over the numbers low..high, or over a list of `values`; `say(value)` is its read-out.
export function slider(state, name, title, { low = 0, high, step = 1, values, say = String }) {
  const input = make("input", { type: "range", min: values ? 0 : low, max: values ? values.length - 1 : high,
                                step: values ? 1 : step });
  const output = make("output");
  input.addEventListener("input", () => state.pick({ [name]: values ? values[+input.value] : +input.value }));
  input.addEventListener("keydown", (event) => {        // JupyterLab keeps a slider's keys from the browser
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
                    Home: -Infinity, End: Infinity }[event.key];
    if (!steps) return;
    event.preventDefault();
    event.stopPropagation();
    input.value = Math.min(Math.max(+input.value + steps * +input.step, +input.min), +input.max);
    input.dispatchEvent(new Event("input"));
  });
  state.on([name], (now) => {
    input.value = values ? values.indexOf(now[name]) : now[name];
    output.textContent = say(now[name]);
    input.setAttribute("aria-valuetext", say(now[name]));
  });
  const node = make("label", { class: "mx-slider" }, make("span", {}, title), input, output);
  return Object.assign(node, { range: (newHigh) => { input.max = newHigh; input.value = state.get()[name]; } });
}

// A number as a person reads it: no -0.00.
export function number(value, digits = 2) {
  const text = value.toFixed(digits);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
}
