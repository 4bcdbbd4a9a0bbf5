// A pad to draw a digit on, the image that the model is given, and the probability of each class, while one draws.

import { figure, make, paint, widget } from "./kit.js";
import { bars } from "./charts.js";
import { forward, softmax } from "./mixer.js";
import { asMnist, drawingPad } from "./pad.js";
import { best } from "./stages.js";

export default widget((root, data, state) => {
  const { facts, samples } = data, size = 28 * 28;
  const say = make("p", { class: "mx-say", "aria-live": "polite" }), given = make("canvas", { "aria-hidden": "true" });
  const chart = bars({ names: facts.classes.map(String), top: 100, digits: 0, width: 360, thick: 24,
                       label: "the probability of each class, in percent" });
  const pad = drawingPad({ shown: 280, change(drawing) {
    const side = Math.sqrt(drawing.length);
    read(asMnist(drawing, side, side));
  } });

  function read(pixels) {
    const shares = softmax(forward(data, facts, pixels).scores), k = best(shares), empty = !pixels.some((value) => value);
    paint(given, 28, 28, (i) => [pixels[i], pixels[i], pixels[i], 255]);
    chart.show(shares.map((share) => 100 * share), { mark: empty ? [] : [k] });
    say.innerHTML = empty ? "<b>The pad is empty.</b> The bars are for a black image: the model has no class for \u201Cnothing\u201D."
                          : `<b>Read as ${facts.classes[k]}</b>, with ${Math.round(100 * shares[k])}%.`;
  }

  const next = make("button", { type: "button", click: () => {
    const sample = state.get().next ?? 0, pixels = samples.slice(sample * size, (sample + 1) * size);
    pad.put(pixels, 28, 28);
    read(pixels);
    state.pick({ next: (sample + 1) % samples.shape[0] });
  } }, "put a test digit on it");
  const image = make("div", { class: "mx-grid", style: "aspect-ratio: 1; cursor: default" }, given);
  const left = figure("draw a digit", pad.node, make("div", { style: "margin-top: 6px" }, pad.clear, next));
  const middle = figure("what the model is given", image);
  const right = figure("probabilities, in percent", chart.node);
  [[left, "0 1 280px"], [middle, "0 1 200px"], [right, "1 1 290px"]].forEach(([node, flex]) => { node.style.flex = flex; });
  root.append(make("div", { class: "mx-row" }, left, middle, right), say);
  read(new Uint8Array(size));
  return pad.end;
});
