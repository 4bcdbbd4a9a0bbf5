// Tables of numbers as pictures that a hand can follow: sheets, whose rows are patches, channels, or units, and mosaics
// of kernels. A selection named in several of them is outlined in all.

import { current, make, number, paint, signed } from "./kit.js";

export const TABLES = `
.mx-table { image-rendering: pixelated; }
.mx-table.mx-still { cursor: default; }
.mx-table canvas.mx-fine { image-rendering: auto; }
.mx-sweep { position: absolute; pointer-events: none; box-shadow: 0 0 0 2px var(--mx-ink), 0 0 0 4px var(--mx-paper); }
.mx-key { display: inline-flex; align-items: center; gap: 6px; color: var(--mx-soft); font-size: 12px; white-space: nowrap; }
.mx-key i { width: 90px; height: 9px; background: linear-gradient(to right, var(--mx-minus), transparent, var(--mx-plus));
            box-shadow: 0 0 0 1px var(--mx-line); }
`;

// A table of `rows` x `columns`. `row` and `column` name the selection's parts that its rows and columns are, or are left
// out. Returns { node, canvas, show(at), sweep(way, share), free }: show paints, at(i) being a color as in the kit's
// paint; sweep lays a bar over the column ("down") or the row ("along") at a share of the table.
export function sheet(state, { rows, columns, row, column, ratio = 1.35, label = "a table" }) {
  const canvas = make("canvas", { "aria-hidden": "true", class: rows > 200 || columns > 200 ? "mx-fine" : null });
  const names = [row, column].filter(Boolean), marks = names.map(() => [make("svg:rect", { class: "mx-halo" }),
                                                                        make("svg:rect", { class: "mx-mark" })]);
  const svg = make("svg:svg", { viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true" },
                   ...marks.flat());
  const bar = make("div", { class: "mx-sweep", hidden: true });
  const node = make("div", { class: `mx-grid mx-table${names.length ? "" : " mx-still"}`, style: `aspect-ratio: ${ratio}`,
                             "aria-label": label, ...(names.length ? { tabindex: 0, role: "slider" } : { role: "img" }) },
                    canvas, svg, bar);
  const size = { [row]: rows, [column]: columns };

  const find = (event) => {
    const box = node.getBoundingClientRect();
    const place = (share, count) => Math.max(0, Math.min(Math.floor(share * count), count - 1));
    return { ...(row && { [row]: place((event.clientY - box.top) / box.height, rows) }),
             ...(column && { [column]: place((event.clientX - box.left) / box.width, columns) }) };
  };
  if (names.length) {
    node.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") state.hover(find(event)); });
    node.addEventListener("pointerleave", () => state.hover(Object.fromEntries(names.map((name) => [name, null]))));
    node.addEventListener("click", (event) => state.pick(find(event)));
    node.addEventListener("keydown", (event) => {
      const [name, step] = { ArrowLeft: [column, -1], ArrowRight: [column, 1], ArrowUp: [row, -1],
                             ArrowDown: [row, 1] }[event.key] ?? [];
      if (!name) return;
      event.preventDefault();                   // otherwise the page scrolls, or the stage changes
      event.stopPropagation();
      const value = (state.get()[name] ?? 0) + step;
      if (value >= 0 && value < size[name]) state.pick({ [name]: value });
    });
    state.on(names, (now) => {
      const y = row && current(now, row), x = column && current(now, column);
      names.forEach((name, i) => marks[i].forEach((rect) => {
        const value = name === row ? y : x, single = name === column && row && y !== undefined && y !== null;
        rect.style.display = value === undefined || value === null ? "none" : "";
        const frame = name === row ? { x: 0, y, width: columns, height: 1 }
                                   : { x, y: single ? y : 0, width: 1, height: single ? 1 : rows };
        if (rect.style.display === "") for (const [key, number] of Object.entries(frame)) rect.setAttribute(key, number);
      }));
      const value = now[row ?? column] ?? 0;
      const text = names.map((name) => `${name} ${current(now, name) ?? "none"}`).join(", ");
      for (const [key, said] of [["valuemin", 0], ["valuemax", size[row ?? column] - 1], ["valuenow", value], ["valuetext", text]])
        node.setAttribute(`aria-${key}`, said);
    });
  }

  return {
    node, canvas,
    show: (at) => paint(canvas, columns, rows, at),
    sweep(way, share) {
      const count = way === "down" ? columns : rows, at = Math.min(Math.floor(share * count), count - 1) / count * 100;
      bar.hidden = share >= 1;
      bar.style.cssText = way === "down" ? `top: 0; bottom: 0; left: ${at}%; width: ${100 / count}%`
                                         : `left: 0; right: 0; top: ${at}%; height: ${100 / count}%`;
    },
  };
}

// Kernels of `rows` x `columns` weights side by side. `cell` and `tile` name the selection's parts that a place in each
// kernel and a kernel are. Returns { node, show(weight, top) }: weight(tile, cell) is a number.
export function mosaic(state, { count, rows, columns, cell, tile, ratio = 1.35, label }) {
  const across = Math.ceil(Math.sqrt(count * ratio * (rows + 1) / (columns + 1))), down = Math.ceil(count / across);
  const [height, width] = [down * (rows + 1) - 1, across * (columns + 1) - 1];
  const at = (x, y) => {
    const [i, j] = [Math.floor(y / (rows + 1)) * across + Math.floor(x / (columns + 1)),
                    y % (rows + 1) * columns + x % (columns + 1)];
    return i < count && y % (rows + 1) < rows && x % (columns + 1) < columns ? [i, j] : null;
  };
  const corner = (i) => [i % across * (columns + 1), Math.floor(i / across) * (rows + 1)];
  const canvas = make("canvas", { "aria-hidden": "true", class: height > 200 ? "mx-fine" : null });
  const [halo, mark] = ["mx-halo", "mx-mark"].map((name) => make("svg:rect", { class: name }));
  const places = make("svg:path", { class: "mx-hover", style: "stroke-dasharray: none; stroke-width: 1.2px" });
  const frames = make("svg:path", { fill: "none", stroke: "var(--mx-line)", "vector-effect": "non-scaling-stroke",
    d: Array.from({ length: count }, (_, i) => `M${corner(i)}h${columns}v${rows}h${-columns}z`).join("") });
  const node = make("div", { class: "mx-grid mx-table", role: "img", "aria-label": label,
                             style: `aspect-ratio: ${width} / ${height}; background: none; box-shadow: none` }, canvas,
                    make("svg:svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
                         frames, places, halo, mark));
  const find = (event) => {
    const box = node.getBoundingClientRect();
    return at(Math.floor((event.clientX - box.left) / box.width * width),
              Math.floor((event.clientY - box.top) / box.height * height));
  };
  node.addEventListener("pointermove", (event) => {
    const found = event.pointerType !== "touch" && find(event);
    if (found) state.hover({ [tile]: found[0], [cell]: found[1] });
  });
  node.addEventListener("pointerleave", () => state.hover({ [tile]: null, [cell]: null }));
  node.addEventListener("click", (event) => {
    const found = find(event);
    if (found) state.pick({ [tile]: found[0], [cell]: found[1] });
  });
  state.on([tile, cell], (now) => {
    const i = current(now, tile), j = current(now, cell);
    for (const rect of [halo, mark]) {
      rect.style.display = i === undefined || i === null || i >= count ? "none" : "";
      if (rect.style.display) continue;
      const [x, y] = corner(i);
      for (const [key, value] of Object.entries({ x, y, width: columns, height: rows })) rect.setAttribute(key, value);
    }
    places.setAttribute("d", Array.from({ length: count }, (_, k) => {
      const [x, y] = corner(k);
      return `M${x + j % columns} ${y + Math.floor(j / columns)}h1v1h-1z`;
    }).join(""));
  });
  return {
    node, canvas,
    show: (weight, top) => paint(canvas, width, height, (i) => {
      const found = at(i % width, Math.floor(i / width));
      return found ? signed(weight(...found), top) : [0, 0, 0, 0];
    }),
  };
}

// The number that nearly all entries of some tables stay below, without their signs: where colors are full.
export function reach(...tables) {
  const sizes = new Float32Array(tables.reduce((sum, table) => sum + table.length, 0));
  let n = 0;
  for (const table of tables) for (let i = 0; i < table.length; i++) sizes[n++] = Math.abs(table[i]);
  return kth(sizes, Math.floor(0.99 * (n - 1))) || 1;
}

// The k-th smallest number (Hoare's selection): while one draws, sorting all tables would take half of the time.
function kth(numbers, k) {
  for (let low = 0, high = numbers.length - 1; low < high;) {
    const middle = numbers[low + high >> 1];
    let i = low, j = high;
    while (i <= j) {
      while (numbers[i] < middle) i++;
      while (numbers[j] > middle) j--;
      if (i <= j) {
        const number = numbers[i];
        numbers[i++] = numbers[j];
        numbers[j--] = number;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return numbers[k];
}

// A scale of the colors of what `text` names: { node, show(top) }.
export function colorKey(text) {
  const [low, high] = [make("span"), make("span")];
  return {
    node: make("span", { class: "mx-key" }, `${text}:`, low, make("i"), high),
    show(top) {
      low.textContent = number(-top);
      high.textContent = number(top);
    },
  };
}
