// MLP-Mixer's forward pass, table by table: what model.py computes, for one gray image, in plain loops.
// A table is a Float32Array, row by row, with shape [rows, columns]. `weights` has the names of PyTorch's state_dict.

// `sizes`: grid [rows, columns] and patch [height, width] in pixels, blocks, eps, gelu, mean, std. `pixels`: 0..255.
// Returns every table on the way: patches, input, tokens, blocks[k].token and .channel = { before, norm, hidden, change,
// after }, norm, mean, scores. `hidden` is after GELU; that of token mixing has a row per channel.
export function forward(weights, sizes, pixels) {
  const mlp = (x, name) => {
    const hidden = linear(x, weights[`${name}.fc1.weight`], weights[`${name}.fc1.bias`]);
    for (let i = 0; i < hidden.length; i++) hidden[i] = gelu(hidden[i], sizes.gelu);
    return [hidden, linear(hidden, weights[`${name}.fc2.weight`], weights[`${name}.fc2.bias`])];
  };
  const norm = (x, name) => layerNorm(x, weights[`${name}.weight`], weights[`${name}.bias`], sizes.eps);

  const patches = patchify(pixels, sizes), input = table(...patches.shape);
  for (let i = 0; i < input.length; i++) input[i] = (patches[i] / 255 - sizes.mean) / sizes.std;
  const tokens = linear(input, weights["patch_embedding.linear.weight"], weights["patch_embedding.linear.bias"]);
  let x = tokens;
  const blocks = [];
  for (let k = 0; k < sizes.blocks; k++) {
    const step = {};
    for (const kind of ["token", "channel"]) {
      const before = x, normed = norm(x, `blocks.${k}.${kind}_norm`), down = kind === "token";     // down the columns
      const [hidden, out] = mlp(down ? transpose(normed) : normed, `blocks.${k}.${kind}_mixing`);
      const change = down ? transpose(out) : out;
      x = add(before, change);
      step[kind] = { before, norm: normed, hidden, change, after: x };
    }
    blocks.push(step);
  }
  const last = norm(x, "norm"), mean = means(last), scores = linear(mean, weights["head.weight"], weights["head.bias"]);
  return { patches, input, tokens, blocks, norm: last, mean, scores };
}

export function table(rows, columns) {
  return Object.assign(new Float32Array(rows * columns), { shape: [rows, columns] });
}

// The patches as rows, in raster order; each row is its patch's pixels, row by row.
export function patchify(pixels, { grid: [rows, columns], patch: [height, width] }) {
  const out = table(rows * columns, height * width), across = columns * width;
  for (let s = 0; s < rows * columns; s++)
    for (let d = 0; d < height * width; d++) {
      const y = Math.floor(s / columns) * height + Math.floor(d / width), x = s % columns * width + d % width;
      out[s * height * width + d] = pixels[y * across + x];
    }
  return out;
}

// Every row of x [rows, from] times the matrix [to, from], plus the bias. Four rows of x meet two of the matrix at a time,
// so that a number which is read serves several products. Where rows are missing at the end, the last one is used again.
function linear(x, matrix, bias) {
  const [rows, from] = x.shape, [to] = matrix.shape, out = table(rows, to);
  for (let u = 0; u < to; u += 2) {
    const v = Math.min(u + 1, to - 1), atU = u * from, atV = v * from;
    for (let a = 0; a < rows; a += 4) {
      const b = Math.min(a + 1, rows - 1), c = Math.min(a + 2, rows - 1), d = Math.min(a + 3, rows - 1);
      const atA = a * from, atB = b * from, atC = c * from, atD = d * from;
      let au = bias[u], b_u = au, cu = au, du = au, av = bias[v], bv = av, cv = av, dv = av;
      for (let k = 0; k < from; k++) {
        const one = matrix[atU + k], two = matrix[atV + k];
        const xa = x[atA + k], xb = x[atB + k], xc = x[atC + k], xd = x[atD + k];
        au += xa * one; b_u += xb * one; cu += xc * one; du += xd * one;
        av += xa * two; bv += xb * two; cv += xc * two; dv += xd * two;
      }
      out[a * to + u] = au; out[b * to + u] = b_u; out[c * to + u] = cu; out[d * to + u] = du;
      out[a * to + v] = av; out[b * to + v] = bv; out[c * to + v] = cv; out[d * to + v] = dv;
    }
  }
  return out;
}

// Each row brought to mean 0 and variance 1, then scaled and shifted channel by channel.
function layerNorm(x, scale, shift, eps) {
  const [rows, columns] = x.shape, out = table(rows, columns);
  for (let i = 0; i < rows; i++) {
    let mean = 0, variance = 0;
    for (let j = 0; j < columns; j++) mean += x[i * columns + j] / columns;
    for (let j = 0; j < columns; j++) variance += (x[i * columns + j] - mean) ** 2 / columns;
    for (let j = 0; j < columns; j++)
      out[i * columns + j] = (x[i * columns + j] - mean) / Math.sqrt(variance + eps) * scale[j] + shift[j];
  }
  return out;
}

export function transpose(x) {
  const [rows, columns] = x.shape, out = table(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j];
  return out;
}

function add(x, y) {
  const out = table(...x.shape);
  for (let i = 0; i < out.length; i++) out[i] = x[i] + y[i];
  return out;
}

// The mean of the rows: [1, columns].
function means(x) {
  const [rows, columns] = x.shape, out = table(1, columns);
  for (let i = 0; i < x.length; i++) out[i % columns] += x[i] / rows;
  return out;
}

function gelu(x, kind) {
  if (kind === "tanh") return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  return 0.5 * x * erfc(-x / Math.SQRT2);
}

// 1 - erf(x), with a relative error below 1.2e-7 (Numerical Recipes, section 6.2).
function erfc(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const series = 1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 +
                 t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))));
  const tail = t * Math.exp(-x * x - 1.26551223 + t * series);
  return x < 0 ? 2 - tail : tail;
}

export function softmax(scores) {
  const top = Math.max(...scores), powers = [...scores].map((score) => Math.exp(score - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
