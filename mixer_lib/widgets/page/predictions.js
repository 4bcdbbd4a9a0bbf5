// A model's predictions: all images as thumbnails, of which those that were misread have a corner marked, the picked one
// large, and the probabilities of its classes.

import { current, figure, grid, make, number, paint, pixel, widget } from "./kit.js";
import { bars } from "./charts.js";

const SIDE = 48, MOST = 12;             // the side of a thumbnail, and the most bars, of many classes

export default widget((root, { images, labels, probabilities, facts }, state) => {
  const [N, C, height, width] = images.shape, K = facts.classes.length;
  const image = (i) => Object.assign(images.subarray(i * C * height * width, (i + 1) * C * height * width),
                                     { shape: [C, height, width] });
  const shares = (i) => [...probabilities.subarray(i * K, (i + 1) * K)].map((share) => 100 * share);
  const favorite = Array.from({ length: N }, (_, i) => shares(i).indexOf(Math.max(...shares(i))));
  const wrong = (i) => favorite[i] !== labels[i];
  const escape = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const told = (i) => `image ${i + 1} of ${N}: read as ${facts.classes[favorite[i]]}` +
    (wrong(i) ? `, but it is ${facts.classes[labels[i]]}` : ", which is right");

  // The thumbnails: one canvas, in as many columns as have room.
  const step = Math.ceil(Math.max(height, width) / SIDE), [h, w] = [Math.ceil(height / step), Math.ceil(width / step)];
  const sheet = grid(state, { name: "image", rows: 1, columns: N, to: (cell) => Math.min(cell, N - 1),
                              label: { name: "images", of: told } });
  const corners = make("svg:path", { class: "mx-wrong", fill: "var(--mx-ink)", stroke: "var(--mx-paper)",
                                     "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" });
  sheet.node.querySelector("svg").prepend(corners);
  const scroll = make("div", { style: "max-height: 300px; overflow-y: auto; padding: 5px" }, sheet.node);
  let columns = 0;
  function lay() {
    const room = Math.max(4, Math.min(N, Math.floor(scroll.clientWidth / SIDE)));
    if (room === columns) return;
    columns = room;
    const rows = Math.ceil(N / columns);
    sheet.shape(rows, columns);
    Object.assign(sheet.node.style, { aspectRatio: columns * w / (rows * h), maxWidth: `${columns * 1.4 * SIDE}px` });
    paint(sheet.canvas, columns * w, rows * h, (i) => {
      const x = i % (columns * w), y = Math.floor(i / (columns * w)), n = Math.floor(y / h) * columns + Math.floor(x / w);
      return n < N ? pixel(image(n), y % h * step * width + x % w * step) : [0, 0, 0, 0];
    });
    corners.setAttribute("d", favorite.map((_, n) =>
      (wrong(n) ? `M${n % columns + 0.62} ${Math.floor(n / columns)}h.38v.38z` : "")).join(""));
    for (const rect of sheet.node.querySelectorAll(".mx-halo, .mx-mark")) sheet.place(rect, state.get().image);
  }
  sheet.node.addEventListener("keydown", (event) => {         // as the grid does, but with the rows that there are now
    const move = { ArrowUp: -columns, ArrowDown: columns, Home: -N, End: N }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const now = state.get().image, next = now + move;
    if (Math.abs(move) === N) state.pick({ image: move < 0 ? 0 : N - 1 });
    else if (next >= 0 && next < N) state.pick({ image: next });
  }, { capture: true });

  const large = make("canvas", { "aria-hidden": "true", style: "display: block; width: 100%; image-rendering: pixelated; " +
                                                               "box-shadow: 0 0 0 1px var(--mx-line)" });
  const picture = figure("", large), chart = figure("probability in percent; the frame marks the true class");
  picture.style.flex = "0 1 250px";
  chart.style.flex = "1 1 300px";
  const some = favorite.filter((_, i) => wrong(i)).length;
  const say = make("p", { class: "mx-say", "aria-live": "polite" });
  const line = make("div", { style: "font-size: 12px; color: var(--mx-soft); margin: 12px 0 2px" }, `${N} images; a ` +
    `marked corner: misread (${some})`);
  root.append(make("div", { class: "mx-row" }, picture, chart), say, line, scroll);

  let drawn = null, named = null;
  function show(values, truth) {
    const order = values.map((_, k) => k);
    if (K > MOST) {                     // of many classes the likeliest, and the true one
      order.sort((a, b) => values[b] - values[a]);
      if (order.indexOf(truth) >= MOST) order.splice(MOST - 1, 0, truth);
      order.length = MOST;
    }
    if (named !== order.join()) {
      drawn = bars({ names: order.map((k) => facts.classes[k]), top: 100, width: 320, digits: 1, label: "probabilities" });
      chart.replaceChildren(chart.firstChild, drawn.node);
      named = order.join();
    }
    drawn.show(order.map((k) => values[k]), { mark: [order.indexOf(truth)] });
  }
  state.on(["image"], (now) => {
    const i = current(now, "image"), values = shares(i), one = image(i);
    paint(large, width, height, (at) => pixel(one, at));
    show(values, labels[i]);
    picture.firstChild.innerHTML = `read as <b>${escape(facts.classes[favorite[i]])}</b>` +
      (wrong(i) ? `, is <b>${escape(facts.classes[labels[i]])}</b>` : "");
    say.textContent = `${told(i)[0].toUpperCase()}${told(i).slice(1)}: ${number(values[favorite[i]], 1)}% for ` +
      `${facts.classes[favorite[i]]}${wrong(i) ? `, ${number(values[labels[i]], 1)}% for ${facts.classes[labels[i]]}` : ""}.`;
    const row = Math.floor(now.image / columns), rows = Math.ceil(N / columns), tall = sheet.node.clientHeight / rows;
    if ((now.hover.image ?? null) === null && tall && (row * tall < scroll.scrollTop
        || (row + 1) * tall > scroll.scrollTop + scroll.clientHeight)) scroll.scrollTop = (row - 1) * tall;
  });
  const watch = new ResizeObserver(lay);
  watch.observe(scroll);
  lay();
  return () => watch.disconnect();
});
