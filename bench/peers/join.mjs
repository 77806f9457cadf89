/** One array after the other. @param {readonly ArrayLike<number>[]} arrays @returns {ArrayLike<number>} */
export function join(arrays) {
  if (arrays.length === 1) return arrays[0];
  const all = new Float64Array(arrays.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
