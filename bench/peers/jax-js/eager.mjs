/** jax-js, one operation at a time. */
import { opsWith } from "./ops.mjs";

export const ops = opsWith((f) => f);
