/** Files in Node and in a browser. */

const here = import.meta.url; // by another name, or bundlers would look for what they should not touch
const inNode = here.startsWith("file:");

/** @param {URL} url @returns {Promise<BufferSource>} */
export async function bytes(url) {
  if (!inNode) return (await fetch(url)).arrayBuffer();
  const { readFile } = await import("node:fs/promises");
  return readFile(url);
}

/** Where a file or folder of an installed package lies: a path in Node, a URL in a browser. @param {string} path */
export function urlOf(path) {
  const url = new URL(`../node_modules/${path}`, here);
  return inNode ? decodeURIComponent(url.pathname) : url.href;
}
