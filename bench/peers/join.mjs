/**
 * One array after the other, in one of a type.
 * @param {readonly ArrayLike<number>[]} parts
 * @param {Float64ArrayConstructor | Uint8ArrayConstructor} type
 */
export function join(parts, type = Float64Array) {
  const all = new type(parts.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
