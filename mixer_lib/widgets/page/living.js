// A whole Mixer that runs in the page. Draw a digit or pick one: its patches become rows, the rows tokens, and block after
// block mixes them until the scores stand there. It plays, steps, and opens at each stage.

import { make, number, paint, signed, widget, write } from "./kit.js";
import { forward } from "./mixer.js";
import { asMnist, drawingPad } from "./pad.js";
import { best, reading, SCENES, scenes } from "./stages.js";
import { reach, TABLES } from "./tables.js";

const LIVING = `
.mx-living { container: mx-living / inline-size; }
.mx-top { display: grid; grid-template-columns: 172px 1fr; gap: 4px 20px; align-items: start; }
.mx-hint { color: var(--mx-soft); font-size: 12px; margin: 0 0 4px; }
.mx-samples { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 10px; }
.mx .mx-samples button, .mx .mx-strip button { border-radius: 3px; margin: 0; padding: 3px; }
.mx-samples canvas { display: block; width: 38px; height: 38px; image-rendering: pixelated; }
.mx .mx-samples button[aria-pressed="true"] { background: transparent; box-shadow: 0 0 0 1px var(--mx-ink); }
.mx-play { min-width: 5em; }
.mx .mx-play { background: var(--mx-fill); font-weight: 600; }
.mx button[aria-disabled="true"] { color: var(--mx-soft); opacity: .6; cursor: default; }
.mx-tell { min-height: 3em; margin: 0; font-size: 14px; }
.mx-strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(56px, 1fr)); gap: 4px; margin: 10px 0 8px; }
.mx .mx-strip button { font-size: 11px; line-height: 1.25; text-align: center; border-color: transparent; min-width: 0;
                       padding: 3px 1px; display: flex; flex-direction: column; align-items: center; }
.mx-strip canvas { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; margin-bottom: 2px;
                   background: var(--mx-paper); box-shadow: 0 0 0 1px var(--mx-line); transition: opacity .25s; }
.mx-strip .mx-verdict { display: grid; place-items: center; width: 100%; aspect-ratio: 1; margin-bottom: 2px; font-size: 20px;
                        font-weight: 600; overflow: hidden; box-shadow: 0 0 0 1px var(--mx-line); transition: opacity .25s; }
.mx-later { opacity: .3; }
.mx .mx-strip button[aria-pressed="true"] { background: transparent; color: inherit; border-color: var(--mx-ink);
                                            box-shadow: 0 0 0 1px var(--mx-ink); }
.mx-stages { display: grid; }
.mx-stages > * { grid-area: 1 / 1; visibility: hidden; min-width: 0; }
.mx-stages > .mx-open { visibility: visible; }
@container mx-living (max-width: 560px) {
  .mx-top { grid-template-columns: 1fr; }
  .mx-draw { max-width: 240px; }
  .mx-stages > :not(.mx-open) { display: none; }
}
`;
const TIMES = { image: 600, patches: 1000, tokens: 1000, token: 1200, channel: 1200, mean: 900, scores: 900 };     // ms
const REST = 350, WAIT_FOR_PEN = 800;       // ms between two stages, and after the pen before it plays

export default widget((root, data, state) => {
  const { facts, samples } = data, [H, W] = [samples.shape[1], samples.shape[2]], size = H * W;
  const kinds = ["image", "patches", "tokens", ...Array.from({ length: facts.blocks }, () => ["token", "channel"]).flat(),
                 "mean", "scores"];
  const block = (i) => Math.floor((i - 3) / 2), last = kinds.length - 1;
  const at = () => Math.max(0, facts.stages.indexOf(state.get().stage));
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  let pixels = null, out = null, empty = false, playing = false, shown = -1, animate = false;
  let frame = null, progress = 1, rest = null, pen = null;      // the animation, its share, and what waits
  let painting = null, due = 0, turn = false;                   // the next frame of a reading, parts left, whose turn

  // ---- the controls
  const pad = H === 28 && W === 28 ? drawingPad({ shown: 172, change: drawn }) : null;
  const thumbs = facts.labels.map((label, i) => {
    const canvas = make("canvas");
    paint(canvas, W, H, (j) => { const v = samples[i * size + j]; return [v, v, v, 255]; });
    return make("button", { type: "button", "aria-label": `sample ${i}: ${label}`, click: () => choose(i) }, canvas);
  });
  const play = make("button", { type: "button", class: "mx-play", click: () => playing ? pause() : start() });
  const back = make("button", { type: "button", click: () => step(-1) }, "\u2190 step back");
  const forth = make("button", { type: "button", click: () => step(1) }, "step \u2192");
  const tell = make("p", { class: "mx-tell" }), say = make("p", { class: "mx-say", "aria-live": "polite" });
  const strip = make("div", { class: "mx-strip", role: "group", "aria-label": "the stages" });
  const stations = facts.stages.map((stage, i) => {
    const verdict = kinds[i] === "scores", picture = make(verdict ? "span" : "canvas", { class: verdict ? "mx-verdict" : null });
    const text = { token: `block ${block(i) + 1} \u2193 tokens`, channel: `block ${block(i) + 1} \u2192 channels` }[kinds[i]] ?? stage;
    const button = make("button", { type: "button", "aria-label": stage, click: () => { pause(); open(i, false); } }, picture, text);
    strip.append(button);
    return { button, picture };
  });
  const every = scenes(state, data, facts), stack = make("div", { class: "mx-stages" }, ...Object.values(every).map(({ node }) => node));

  const draw = pad && make("div", { class: "mx-draw" }, make("p", { class: "mx-hint" }, "draw here"), pad.node, pad.clear);
  if (pad) pad.clear.style.cssText = "width: 100%; margin-top: 4px";
  root.append(make("style", {}, TABLES + SCENES + LIVING), make("div", { class: "mx-living" },
    make("div", { class: "mx-top" }, draw, make("div", {},
      make("p", { class: "mx-hint" }, pad ? "or pick one" : "pick an image"), make("div", { class: "mx-samples" }, ...thumbs),
      make("div", { class: "mx-controls" }, make("div", {}, back, play, forth)), tell,
      make("p", { class: "mx-hint", style: "margin-top: 4px" }, "Hover over a patch, a number, or a weight to follow it through " +
        "every table. Click to keep it. Arrow keys step."))),
    strip, stack, say));
  if (!pad) root.querySelector(".mx-top").style.gridTemplateColumns = "1fr";

  root.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    step(move);
  });

  // ---- what is read
  function drawn(drawing, { drawing: goesOn }) {
    const side = Math.sqrt(drawing.length);
    clearTimeout(pen);
    pixels = asMnist(drawing, side, side);
    empty = !pixels.some((value) => value);
    if (empty) pause();
    buttons();
    if (state.get().sample !== -1) state.pick({ sample: -1 });
    read(goesOn);
    if (!goesOn && !empty && !playing && at() === 0) pen = setTimeout(start, WAIT_FOR_PEN);
  }

  function choose(i) {
    state.pick({ sample: i });
    if (!playing && at() === 0) start();
  }

  // While one draws, each reading takes three frames, so that the pen never waits: one computes, one paints the small
  // pictures, one paints the open stage. The two take turns, and neither is left out when readings come fast.
  function read(apart = false) {
    out = forward(data, facts, pixels);
    due = 2;
    if (apart) return painting ??= requestAnimationFrame(paintNext);
    cancelAnimationFrame(painting);
    painting = null;
    while (due) paintPart();
  }

  function paintNext() {
    paintPart();
    painting = due ? requestAnimationFrame(paintNext) : null;
  }

  function paintPart() {
    (turn = !turn) ? paintStations() : paintStage();
    due--;
  }

  function paintStations() {
    stations.forEach(({ picture }, i) => {
      const table = { image: null, patches: out.patches, tokens: out.tokens, mean: out.mean }[kinds[i]] ??
                    out.blocks[block(i)]?.[kinds[i]]?.after;
      if (kinds[i] === "scores") write(picture, empty ? "?" : reading(out, facts.classes).name);
      else if (i < 2) {
        const [from, width, height] = i ? [out.patches, out.patches.shape[1], out.patches.shape[0]] : [pixels, W, H];
        paint(picture, width, height, (j) => [from[j], from[j], from[j], 255]);
      } else {
        const top = reach(table);
        paint(picture, table.shape[1], table.shape[0], (j) => signed(table[j], top));
      }
    });
  }

  function paintStage() {
    if (shown >= 0) {
      every[kinds[shown]].paint(out, pixels, block(shown));
      every[kinds[shown]].move(progress);
    }
    words();
  }

  // ---- going through the stages
  function open(i, moving) {
    animate = moving;
    if (at() === i) enter(i);
    else state.pick({ stage: facts.stages[i] });
  }

  function step(move) {
    pause();
    const next = at() + move;
    if (next >= 0 && next <= last) open(next, move > 0);
  }

  function start() {
    if (empty) return;
    playing = true;
    open(at() === last ? 0 : at(), true);
  }

  function pause() {
    playing = false;
    clearTimeout(rest);
    clearTimeout(pen);
    cancelAnimationFrame(frame);
    frame = null;
    if (progress < 1) every[kinds[shown]].move(progress = 1);       // a stage left in the middle stands there finished
    buttons();
  }

  function buttons() {
    write(play, playing ? "pause" : "play");
    for (const [button, off] of [[back, at() === 0], [forth, at() === last], [play, empty]])
      button.setAttribute("aria-disabled", String(off));        // not `disabled`, which would lose the focus and its keys
  }

  function enter(i) {
    const kind = kinds[i], one = every[kind], moving = animate && !still();
    animate = false;
    cancelAnimationFrame(frame);
    clearTimeout(rest);
    frame = null;
    shown = i;
    progress = moving ? 0 : 1;
    one.paint(out, pixels, block(i));
    for (const [name, { node }] of Object.entries(every)) node.classList.toggle("mx-open", name === kind);
    stations.forEach(({ button, picture }, j) => {
      button.setAttribute("aria-pressed", String(j === i));
      picture.classList.toggle("mx-later", j > i);
    });
    root.dataset.stage = facts.stages[i];
    words();
    buttons();
    const next = () => {
      frame = null;
      if (!playing) return;
      if (i === last) pause();
      else rest = setTimeout(() => open(i + 1, true), moving ? REST : TIMES[kind] + REST);
    };
    one.move(progress);
    if (!moving) return next();
    const begin = performance.now();
    const tick = (now) => {
      progress = Math.min(1, Math.max(0, (now - begin) / TIMES[kind]));
      one.move(progress);
      if (progress < 1) frame = requestAnimationFrame(tick);
      else next();
    };
    frame = requestAnimationFrame(tick);
  }

  // ---- in words
  const S = facts.grid[0] * facts.grid[1], D = facts.patch[0] * facts.patch[1], [C] = data["patch_embedding.linear.weight"].shape;
  const units = { token: facts.blocks && data["blocks.0.token_mixing.fc1.weight"].shape[0],
                  channel: facts.blocks && data["blocks.0.channel_mixing.fc1.weight"].shape[0] };
  const K = facts.classes.length;
  const sentences = {
    image: () => `The image is cut into ${facts.grid[0]} × ${facts.grid[1]} = ${S} patches of ${facts.patch[0]} × ${facts.patch[1]} pixels.`,
    patches: () => `Each patch becomes one row of a table. The table has ${S} rows of ${D} numbers.`,
    tokens: () => `One linear layer, the same for all rows, turns each row of ${D} pixels into a token of ${C} numbers, its channels.`,
    token: (k) => `Block ${k + 1}, token mixing: an MLP runs down each of the ${C} columns, ${S} → ${units.token} → ${S}. ` +
                  "The patches learn about each other. The result is added to the table.",
    channel: (k) => `Block ${k + 1}, channel mixing: an MLP runs along each of the ${S} rows, ${C} → ${units.channel} → ${C}. ` +
                    "Each token works on its own channels. The result is added to the table.",
    mean: () => `After a last LayerNorm, the ${S} rows are averaged. One row of ${C} numbers stands for the whole image.`,
    scores: () => `The head turns the ${C} numbers into ${K} scores, one per class. The highest score wins.`,
  };

  function words() {
    if (!out || shown < 0) return;
    const now = state.get(), kind = kinds[shown], value = (name) => now.hover[name] ?? now[name];
    const [s, c, d, u] = [value("patch"), value("channel"), value("entry"), now.hover.unit ?? null];
    const read = reading(out, facts.classes), k = block(shown), step = out.blocks[k]?.[kind];
    write(tell, sentences[kind](k));
    const plus = (x) => x < 0 ? `\u2212 ${number(-x)}` : `+ ${number(x)}`;
    const token = `patch ${s}, channel ${c}`;
    let text = {
      image: () => `Patch ${s}, pixel ${d}: <b>${out.patches[s * D + d]}</b> of 255`,
      patches: () => `<b>table[${s}, ${d}] = ${out.patches[s * D + d]}</b>: pixel ${d} of patch ${s}`,
      tokens: () => `<b>tokens[${s}, ${c}] = ${number(out.tokens[s * C + c])}</b>: the ${D} pixels of patch ${s}, normalized, ` +
                    `times detector ${c}, summed, plus the bias`,
      mean: () => `The mean of channel ${c} over all ${S} patches: <b>${number(out.mean[c])}</b>`,
      scores: () => empty ? "The pad is empty. The network still gives scores, as it must for any image."
        : `<b>Read as ${read.name}</b>, with a score of ${read.score}. Softmax turns the scores into probabilities: ${read.percent} for ${read.name}.`,
    }[kind]?.();
    if (step) {
      const [before, change, after] = [step.before, step.change, step.after].map((table) => table[s * C + c]);
      const sum = Math.round(100 * before) + Math.round(100 * change) === Math.round(100 * after) ? "=" : "≈";    // as shown
      text = `${token}: ${number(before)} ${plus(change)} ${sum} <b>${number(after)}</b>`;
      if (u !== null && u < units[kind]) {
        const [to, row] = kind === "token" ? [S, c] : [C, s], from = kind === "token" ? s : c, where = `blocks.${k}.${kind}_mixing`;
        text += `; unit ${u} reads it with weight ${number(data[`${where}.fc1.weight`][u * to + from])}, is at ` +
                `${number(step.hidden[row * units[kind] + u])}, and writes back with ${number(data[`${where}.fc2.weight`][from * units[kind] + u])}`;
      }
    }
    say.innerHTML = empty && kind !== "scores" ? `The pad is empty. ${text}` : text;
    root.dataset.reads = empty ? "" : String(best(out.scores));
  }

  state.on(["sample"], ({ sample }) => {
    if (sample >= 0) {
      pixels = samples.slice(sample * size, (sample + 1) * size);
      empty = false;
      pad?.put(pixels, H, W);
      read();
    }
    thumbs.forEach((button, i) => button.setAttribute("aria-pressed", String(i === sample)));
  });
  state.on(["stage"], () => { if (at() !== shown) enter(at()); });
  state.on(["patch", "channel", "entry", "unit"], words);
  return () => { pause(); cancelAnimationFrame(painting); pad?.end(); };
});
