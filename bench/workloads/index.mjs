/** All workloads, in the order in which they are run and shown. */
import { elementwise } from "./elementwise.mjs";
import { matmul } from "./matmul.mjs";
import { mlp } from "./mlp.mjs";
import { reduce } from "./reduce.mjs";
import { small } from "./small.mjs";

/** @type {readonly import("./cases.mjs").Family[]} */
export const families = [matmul, elementwise, reduce, small, mlp];
