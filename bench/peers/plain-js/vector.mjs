/** Products of a matrix and a vector in plain JavaScript on typed arrays. */

/** out[i] = sum over j of a[i, j] x[j]; four rows at once, so that x is read a quarter as often and the sums do not wait for each other. */
export function matrixVector(a, x, rows, columns, out) {
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const r0 = i * columns, r1 = r0 + columns, r2 = r1 + columns, r3 = r2 + columns;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let j = 0; j < columns; j++) {
      const v = x[j];
      s0 += a[r0 + j] * v;
      s1 += a[r1 + j] * v;
      s2 += a[r2 + j] * v;
      s3 += a[r3 + j] * v;
    }
    out[i] = s0;
    out[i + 1] = s1;
    out[i + 2] = s2;
    out[i + 3] = s3;
  }
  for (; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += a[i * columns + j] * x[j];
    out[i] = sum;
  }
}

/** out[j] = sum over i of x[i] a[i, j]; four rows a pass, so that out is read and written a quarter as often. */
export function vectorMatrix(x, a, rows, columns, out) {
  out.fill(0);
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const r0 = i * columns, r1 = r0 + columns, r2 = r1 + columns, r3 = r2 + columns;
    const x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (let j = 0; j < columns; j++) out[j] += x0 * a[r0 + j] + x1 * a[r1 + j] + (x2 * a[r2 + j] + x3 * a[r3 + j]);
  }
  for (; i < rows; i++) for (let j = 0; j < columns; j++) out[j] += x[i] * a[i * columns + j];
}
