/** All workloads, in the order in which they are run and shown. */
import { conv } from "./conv.mjs";
import { elementwise, expressions } from "./elementwise.mjs";
import { matmul, vector } from "./matmul.mjs";
import { mlp } from "./mlp.mjs";
import { reduce } from "./reduce.mjs";
import { small } from "./small.mjs";

/** @type {readonly import("./cases.mjs").Family[]} */
export const families = [matmul, vector, elementwise, expressions, reduce, conv, small, mlp];
