// A network as the stack of its blocks, each part of which is a switch. Under the pointer a part is off for a moment.

import { make, write } from "./kit.js";

export const STACK_STYLE = `
.mx-stack { flex: 0 0 auto; }
.mx-stack g[role="switch"] { cursor: pointer; outline: none; }
.mx-stack g[role="switch"] > :not(:first-child) { pointer-events: none; }     /* each part is one place for the pointer */
.mx-stack .mx-box { fill: var(--mx-paper); stroke: var(--mx-ink); stroke-width: 1.3px; transition: fill .15s; }
.mx-stack .mx-stream, .mx-stack .mx-branch { fill: none; stroke: var(--mx-ink); stroke-width: 1.5px; }
.mx-stack .mx-stream { stroke-width: 3px; stroke-opacity: .55; }
.mx-stack g:hover .mx-box { fill: var(--mx-fill); }
.mx-stack g:focus-visible .mx-box { stroke-width: 3px; }
.mx-stack [aria-checked="false"] .mx-box { stroke-dasharray: 3 3; stroke: var(--mx-soft); }
.mx-stack [aria-checked="false"] .mx-branch { opacity: 0; }
.mx-stack [aria-checked="false"] .mx-name { text-decoration: line-through; fill: var(--mx-soft); }
.mx-stack .mx-around { fill: none; stroke: var(--mx-line); }
`;
const WIDE = 280, LINE = 34;                            // the picture; where the table runs down

// parts: [{ code, block, name }], two of each of the L blocks. right(code): the accuracy without that part, 0..1.
// toggled(off, code): what is off when a part is switched, too. show(codes): what is off.
export function stack(state, { parts, L, right, toggled }) {
  const tall = L > 6 ? 24 : 30, block = 2 * tall + 20, high = 56 + L * block + 40;
  const svg = make("svg:svg", { width: WIDE, height: high, viewBox: `0 0 ${WIDE} ${high}`, class: "mx-stack",
                                role: "group", "aria-label": "the network: switch its parts on and off" });
  const text = (x, y, words, more = {}) => make("svg:text", { x, y, "dominant-baseline": "central", ...more }, words);
  svg.append(make("svg:path", { class: "mx-stream", d: `M${LINE} 22V${high - 24}` }),
             text(8, 10, "image, cut into patches and embedded"), text(8, high - 10, "mean of the tokens, head, class"),
             text(WIDE, 34, "right without it", { class: "mx-soft", "text-anchor": "end" }));
  const groups = parts.map(({ code, block: k, name }, i) => {
    const top = 46 + k * block + 8 + (i % 2) * (tall + 4), middle = top + tall / 2;
    if (i % 2 === 0) svg.append(make("svg:rect", { class: "mx-around", x: 4, y: top - 8, width: WIDE - 8,
                                                   height: block - 4, rx: 5 }), text(10, top + tall, String(k), { class: "mx-soft" }));
    const arrow = i % 2 === 0 ? // down the columns, along the rows
      `M${LINE + 35} ${middle - 8}v16m-3 -4l3 4l3 -4m-6 -8l3 -4l3 4` :
      `M${LINE + 27} ${middle}h16m-4 -3l4 3l-4 3m-8 -6l-4 3l4 3`;
    const group = make("svg:g", { role: "switch", tabindex: 0, "aria-label": `${name} of block ${k}` },
      make("svg:rect", { x: 12, y: top - 2, width: WIDE - 20, height: tall + 4, fill: "transparent" }),
      make("svg:path", { class: "mx-branch", d: `M${LINE} ${top + 1}h20m0 ${tall - 2}h-14m-6 -5v10m-5 -5h10` }),
      make("svg:circle", { class: "mx-branch", cx: LINE, cy: top + tall - 1, r: 5.5 }),
      make("svg:rect", { class: "mx-box", x: LINE + 20, y: top - 1, width: 170, height: tall, rx: 4 }),
      make("svg:path", { class: "mx-branch", d: arrow }), text(LINE + 54, middle, name, { class: "mx-name" }),
      text(WIDE - 12, middle, `${Math.round(100 * right(code))}%`, { "text-anchor": "end" }));
    const press = () => { state.hover({ off: null }); state.pick({ off: toggled(state.get().off, code) }); };
    group.addEventListener("click", press);
    group.addEventListener("keydown", (event) => {
      const next = groups[i + ({ ArrowUp: -1, ArrowDown: 1 }[event.key] ?? NaN)];
      if (next) next.focus();
      else if (event.key === "Enter" || event.key === " ") press();
      else if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      event.stopPropagation();
    });
    return group;
  });
  svg.append(...groups);
  svg.addEventListener("pointerover", (event) => {              // what if?
    const i = groups.indexOf(event.target.closest("g"));
    if (event.pointerType !== "touch") state.hover({ off: i < 0 ? null : toggled(state.get().off, parts[i].code) });
  });
  svg.addEventListener("pointerleave", () => state.hover({ off: null }));

  function show(codes) {
    groups.forEach((group, i) => {
      const { code, block: k, name } = parts[i], few = codes.filter((one) => one.startsWith(`${k}u`)).length;
      group.setAttribute("aria-checked", String(!codes.includes(code)));
      write(group.querySelector(".mx-name"), name + (few && i % 2 === 0 ? ` \u2212 ${few} unit${few > 1 ? "s" : ""}` : ""));
    });
  }
  return { node: svg, show };
}
