/** wengert with everything inside `compile`, on two threads: beside itself on one, with which the other peers are compared. */
import { init } from "wengert";

await init({ threads: 2 });
export const { ops } = await import("./compiled.mjs");
