// A pad to draw on, and what makes of a drawing the image that a model reads.

import { make } from "./kit.js";

const SHARP = 2;                // canvas pixels per CSS pixel
const SIDE = 112;               // the drawing's side as it is read, in pixels
const PEN = 24 / 280;           // the pen's width, as a share of the pad's side
const WAIT = 50;                // milliseconds between two readings while one draws

// A pad of `shown` CSS pixels with a button that clears it. `change(pixels, { drawing })`: called with the drawing,
// SIDE x SIDE gray bytes, white ink on black, about 15 times per second while one draws, and when the pen is lifted.
// While one draws, the call comes in a frame of its own: what it computes does not hold up the ink.
// Returns { node, put(pixels, rows, columns), clear, end }; `put` lays an image on the pad, and
// calls nothing; the next line drawn takes it off.
export function drawingPad({ shown, change }) {
  const canvas = make("canvas", { width: shown * SHARP, height: shown * SHARP, role: "img",
                                  "aria-label": "A pad to draw a digit on, with mouse, pen, or finger",
                                  style: "display: block; width: 100%; aspect-ratio: 1; cursor: crosshair; touch-action: none; " +
                                         "user-select: none; border-radius: 2px; box-shadow: 0 0 0 1px var(--mx-soft)" });
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  let last = null, laid = false;                // the pen's last place; whether an image lies there
  let timer = null, frame = null;               // the next reading, and the frame in which it is told
  const fresh = () => {
    laid = false;
    ink.fillStyle = "black";
    ink.fillRect(0, 0, canvas.width, canvas.height);
  };
  fresh();
  Object.assign(ink, { strokeStyle: "white", lineWidth: PEN * shown * SHARP, lineCap: "round", lineJoin: "round" });
  const small = make("canvas", { width: SIDE, height: SIDE });
  const reduced = small.getContext("2d", { willReadFrequently: true });
  reduced.imageSmoothingQuality = "high";

  function stop() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    timer = frame = null;
  }

  function read() {
    stop();
    reduced.drawImage(canvas, 0, 0, SIDE, SIDE);
    const rgba = reduced.getImageData(0, 0, SIDE, SIDE).data;
    const gray = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < gray.length; i++) gray[i] = rgba[4 * i];
    if (!last) change(gray, { drawing: false });
    else frame = requestAnimationFrame(() => { frame = null; change(gray, { drawing: true }); });
  }

  function place(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(event.clientX - left) / width * canvas.width, (event.clientY - top) / height * canvas.height];
  }

  function draw(event) {
    if (!last) return;
    ink.beginPath();
    ink.moveTo(...last);
    last = place(event);
    ink.lineTo(last[0] + 0.01, last[1]);        // a line always has a length: the first one is a dot
    ink.stroke();
    if (frame === null) timer ??= setTimeout(read, WAIT);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    if (laid) fresh();                          // one's own digit, not a line across another
    last = place(event);
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.isPrimary) (event.getCoalescedEvents?.() || [event]).concat(event).forEach(draw);
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      if (!last) return;
      last = null;
      read();
    });

  const clear = make("button", { type: "button", click: () => { fresh(); read(); } }, "clear");
  return {
    node: canvas, clear, end: stop,
    put(pixels, rows, columns) {
      const one = make("canvas", { width: columns, height: rows }), rgba = new Uint8ClampedArray(4 * pixels.length);
      pixels.forEach((value, i) => rgba.set([value, value, value, 255], 4 * i));
      one.getContext("2d").putImageData(new ImageData(rgba, columns, rows), 0, 0);
      fresh();
      ink.imageSmoothingQuality = "high";
      ink.drawImage(one, 0, 0, canvas.width, canvas.height);
      laid = true;
    },
  };
}

// A digit drawn anywhere, at any size, as MNIST has its digits: rows x columns bytes -> 28 x 28. The same, byte for byte,
// as mixer_lib.digits.as_mnist, which says why.
export function asMnist(pixels, rows, columns) {
  const picture = new Uint8Array(28 * 28);
  let top = rows, bottom = -1, left = columns, right = -1;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      if (!pixels[y * columns + x]) continue;
      if (top > y) top = y;
      bottom = y;
      if (left > x) left = x;
      if (right < x) right = x;
    }
  if (bottom < 0) return picture;
  let digit = { width: right - left + 1, height: bottom - top + 1 };
  digit.pixels = Uint8Array.from({ length: digit.width * digit.height }, (_, i) =>
    pixels[(top + Math.floor(i / digit.width)) * columns + left + i % digit.width]);
  const longest = Math.max(digit.width, digit.height);
  const [width, height] = [digit.width, digit.height].map((side) => Math.max(roundEven(20 * side / longest), 1));
  digit = turned(narrowed(turned(narrowed(digit, width)), height));
  const [y, x] = centerOfMass(digit).map((center, axis) =>
    Math.max(0, Math.min(roundEven(14 - center), 28 - [height, width][axis])));
  digit.pixels.forEach((value, i) => { picture[(y + Math.floor(i / width)) * 28 + x + i % width] = value; });
  return picture;
}

// As Python rounds: halves to the even neighbor.
function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

function centerOfMass({ width, pixels }) {
  let sum = 0, rows = 0, columns = 0;
  pixels.forEach((value, i) => { sum += value; rows += value * Math.floor(i / width); columns += value * (i % width); });
  return [rows / sum, columns / sum];
}

// The rows of an image scaled to `width` pixels with a Hamming window, in Pillow's whole numbers of 22 binary places.
function narrowed({ width: from, height, pixels }, width) {
  const scale = from / width, wide = Math.max(scale, 1), out = new Uint8Array(width * height);
  const bell = (x) => x === 0 ? 1 : x >= 1 ? 0 :
    Math.sin(Math.PI * x) / (Math.PI * x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(Math.PI * x));
  for (let x = 0; x < width; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - wide + 0.5)), last = Math.min(from, Math.trunc(center + wide + 0.5));
    const shares = Array.from({ length: last - first }, (_, i) => bell(Math.abs((i + first - center + 0.5) * (1 / wide))));
    const sum = shares.reduce((a, b) => a + b), whole = shares.map((share) => Math.trunc(0.5 + share / sum * 2 ** 22));
    for (let y = 0; y < height; y++) {
      let value = 2 ** 21;
      for (let i = 0; i < whole.length; i++) value += whole[i] * pixels[y * from + first + i];
      out[y * width + x] = Math.max(0, Math.min(value >> 22, 255));
    }
  }
  return { width, height, pixels: out };
}

function turned({ width, height, pixels }) {
  const out = new Uint8Array(pixels.length);
  for (let i = 0; i < out.length; i++) out[i] = pixels[i % height * width + Math.floor(i / height)];
  return { width: height, height: width, pixels: out };
}
