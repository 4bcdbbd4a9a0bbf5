// A pad to draw on. Its `value`, side x side gray bytes, white ink on black, goes to Python and comes back from there.

const SHOWN = 280, SHARP = 2, PEN = 24;         // CSS pixels; canvas pixels per CSS pixel; CSS pixels
const WAIT = 50;                                // milliseconds between two pictures sent while drawing

function render({ model, el }) {
  const side = Math.sqrt(model.get("value").byteLength);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SHOWN * SHARP;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "A pad to draw a digit on, with mouse, pen or finger");
  canvas.style.cssText = `display: block; width: ${SHOWN}px; height: ${SHOWN}px; border: 1px solid #767676;
                          cursor: crosshair; touch-action: none; user-select: none`;
  const clear = document.createElement("button");
  clear.textContent = "clear";
  clear.className = "jupyter-widgets jupyter-button widget-button";     // light or dark, as the page is
  clear.dataset.lmSuppressShortcuts = "true";   // otherwise JupyterLab takes the Enter that should press it
  clear.style.cssText = `display: block; width: ${SHOWN + 2}px; margin: 4px 0 0`;
  el.append(canvas, clear);

  const ink = canvas.getContext("2d");
  Object.assign(ink, { fillStyle: "black", strokeStyle: "white", lineWidth: PEN * SHARP, lineCap: "round",
                       lineJoin: "round" });
  const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const reduced = small.getContext("2d", { willReadFrequently: true });
  reduced.imageSmoothingQuality = "high";

  let last = null, timer = null, sent = null;   // the pen's last place; the next sending; what was sent last

  function send() {
    timer = null;
    reduced.drawImage(canvas, 0, 0, side, side);
    const rgba = reduced.getImageData(0, 0, side, side).data;
    sent = Uint8Array.from({ length: side * side }, (_, i) => rgba[4 * i]);
    model.set("value", new DataView(sent.buffer));
    model.save_changes();
  }

  function show() {                             // draws what Python, or another view of this pad, put there
    const { buffer, byteOffset, byteLength } = model.get("value");
    const gray = new Uint8Array(buffer, byteOffset, byteLength);
    if (last || timer || (sent && gray.every((value, i) => value === sent[i]))) return;
    const rgba = Uint8ClampedArray.from({ length: 4 * gray.length }, (_, i) => i % 4 === 3 ? 255 : gray[i >> 2]);
    reduced.putImageData(new ImageData(rgba, side, side), 0, 0);
    ink.drawImage(small, 0, 0, canvas.width, canvas.height);
    sent = gray.slice();
  }

  function place(event) {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left - canvas.clientLeft, event.clientY - top - canvas.clientTop].map((x) => x * SHARP);
  }

  function draw(event) {
    if (!last) return;
    ink.beginPath();
    ink.moveTo(...last);
    last = place(event);
    ink.lineTo(last[0] + 0.01, last[1]);        // a line always has a length: the first one is a dot
    ink.stroke();
    timer ??= setTimeout(send, WAIT);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.isPrimary) (event.getCoalescedEvents?.() || [event]).concat(event).forEach(draw);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => { last = null; });
  clear.addEventListener("click", () => {
    ink.fillRect(0, 0, canvas.width, canvas.height);
    clearTimeout(timer);
    send();
  });

  ink.fillRect(0, 0, canvas.width, canvas.height);
  show();
  model.on("change:value", show);
  return () => { clearTimeout(timer); model.off("change:value", show); };
}

export default { render };
