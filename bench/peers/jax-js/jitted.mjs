/** jax-js with everything inside `jit`. */
import { jit } from "@jax-js/jax";
import { opsWith } from "./ops.mjs";

export const ops = opsWith(jit);
