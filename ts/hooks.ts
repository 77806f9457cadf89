// Functions that see, and may replace, the gradient of a tensor while `backward` runs.
import { foreign } from "./apply.js";
import { core, host, property, raise } from "./core.js";
import { checkFunction, checkLike, TensorError } from "./errors.js";
import { alive, isTensor, made } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** Sees a gradient; what it returns, if anything, takes its place. */
export type Hook = (gradient: Tensor) => Tensor | undefined;

/** Removes the hook that it was returned for, called or by its method; a second time does nothing. */
export interface Registration {
  (): void;
  remove(): void;
}

/** The hooks of each node, by its number, in the order in which they were registered. */
const hooks = new Map<number, readonly { readonly hook: Hook }[]>();
let failure: { readonly error: unknown } | null = null;

/** Registers a hook on the gradient of a tensor. */
export function registerHook(tensor: Tensor, hook: Hook): Registration {
  checkFunction("registerHook", hook);
  const node = alive("registerHook", tensor);
  if (core.set(node, property.hooked, 1) === 0) raise("registerHook");
  forgetTheDead();
  const entry = { hook };
  hooks.set(node, [...(hooks.get(node) ?? []), entry]);
  const remove = (): void => {
    const rest = (hooks.get(node) ?? []).filter((other) => other !== entry);
    if (rest.length > 0) hooks.set(node, rest);
    else hooks.delete(node);
    // The tensor may be gone, and its hooks with it.
    if (rest.length === 0 && core.set(node, property.hooked, 0) === 0) core.error();
  };
  return Object.assign(remove, { remove });
}

/** Drops the hooks of nodes that are gone, whenever there are twice as many as were left the last time. */
function forgetTheDead(): void {
  if (hooks.size < crowded) return;
  for (const node of hooks.keys()) {
    if (core.set(node, property.hooked, 1) === 0) hooks.delete(node);
  }
  core.error();
  crowded = Math.max(64, 2 * hooks.size);
}

let crowded = 64;

/** Throws what a hook has thrown since the last call, if one has. */
export function rethrow(): void {
  const thrown = failure;
  failure = null;
  if (thrown !== null) {
    core.error();
    throw thrown.error;
  }
}

// An exception must not pass through the core, which would leave its work half-done.
host.hook = (node, gradient) => {
  try {
    let g = made(gradient);
    for (const { hook } of hooks.get(node) ?? []) g = replaced(g, hook(g));
    return alive("registerHook", g, "the gradient that goes on from a hook");
  } catch (error) {
    failure ??= { error };
    return 0;
  }
};

function replaced(g: Tensor, by: unknown): Tensor {
  if (by === undefined) return g;
  if (!isTensor(by))
    throw new TensorError("argument", "registerHook", `a hook must return a tensor or nothing, got ${foreign(by)}`);
  alive("registerHook", by, "what the hook returns");
  checkLike("registerHook", "a hook must return a gradient of shape and dtype", by, g);
  return by;
}
