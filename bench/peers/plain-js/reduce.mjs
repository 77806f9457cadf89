/** Sums and softmax of a row-major matrix in plain JavaScript on typed arrays. */

/** The sum of all elements; four partial sums, so that the additions do not wait for each other. */
export function sumAll(x) {
  const end = x.length & ~3;
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = 0; i < end; i += 4) {
    s0 += x[i];
    s1 += x[i + 1];
    s2 += x[i + 2];
    s3 += x[i + 3];
  }
  for (let i = end; i < x.length; i++) s0 += x[i];
  return s0 + s1 + (s2 + s3);
}

/** out[j] = sum over i of x[i, j]; four rows a pass, so that `out` is read and written a quarter as often. */
export function sumAxis0(x, rows, columns, out) {
  out.fill(0);
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const r0 = i * columns, r1 = r0 + columns, r2 = r1 + columns, r3 = r2 + columns;
    for (let j = 0; j < columns; j++) out[j] += x[r0 + j] + x[r1 + j] + (x[r2 + j] + x[r3 + j]);
  }
  for (; i < rows; i++) for (let j = 0; j < columns; j++) out[j] += x[i * columns + j];
}

/** out[i] = sum over j of x[i, j]; four partial sums. */
export function sumAxis1(x, rows, columns, out) {
  const whole = columns & ~3;
  for (let i = 0; i < rows; i++) {
    const row = i * columns;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let j = row, end = row + whole; j < end; j += 4) {
      s0 += x[j];
      s1 += x[j + 1];
      s2 += x[j + 2];
      s3 += x[j + 3];
    }
    for (let j = row + whole, end = row + columns; j < end; j++) s0 += x[j];
    out[i] = s0 + s1 + (s2 + s3);
  }
}

/** out[i, j] = exp(x[i, j] - max of row i) / their sum over j. */
export function softmax(x, rows, columns, out) {
  for (let i = 0; i < rows; i++) {
    const row = i * columns, end = row + columns;
    let largest = x[row];
    for (let j = row + 1; j < end; j++) if (x[j] > largest) largest = x[j];
    let sum = 0;
    for (let j = row; j < end; j++) sum += out[j] = Math.exp(x[j] - largest);
    const factor = 1 / sum;
    for (let j = row; j < end; j++) out[j] *= factor;
  }
}

/** out[i] = log sum over j of exp(x[i, j]), without overflow. */
export function logSumExp(x, rows, columns, out) {
  for (let i = 0; i < rows; i++) {
    const row = i * columns, end = row + columns;
    let largest = x[row];
    for (let j = row + 1; j < end; j++) if (x[j] > largest) largest = x[j];
    let sum = 0;
    for (let j = row; j < end; j++) sum += Math.exp(x[j] - largest);
    out[i] = largest + Math.log(sum);
  }
}

/** out[i, j] = (x[i, j] - mean of row i) / sqrt(variance of row i + 1e-5). */
export function layerNorm(x, rows, columns, out) {
  for (let i = 0; i < rows; i++) {
    const row = i * columns, end = row + columns;
    let sum = 0;
    for (let j = row; j < end; j++) sum += x[j];
    const mean = sum / columns;
    let squares = 0;
    for (let j = row; j < end; j++) squares += (x[j] - mean) * (x[j] - mean);
    const scale = 1 / Math.sqrt(squares / columns + 1e-5);
    for (let j = row; j < end; j++) out[j] = (x[j] - mean) * scale;
  }
}
