// Who owns what: handles, the scopes that free them together, and the finalizer as the net behind both.
import { core, raise, scratch } from "./core.js";
import { isPromise, refusePromise, TensorError } from "./errors.js";
import type { Tensor } from "./tensor.js";

/** The handle of a tensor, out of users' reach. */
export let handleOf: (tensor: Handle) => number;
let setHandle: (tensor: Handle, handle: number) => void;
/** Whether something is a tensor of this copy of wengert. */
export let isTensor: (value: unknown) => value is Tensor;

/**
 * What a tensor is to the scopes: a number of the core. A number below zero says how the tensor ended (see `fates`);
 * zero, and NaN, are for tensors that a scope has set aside while it closes.
 */
export abstract class Handle {
  #handle: number;

  protected constructor(handle: number) {
    this.#handle = handle;
  }

  static {
    handleOf = (tensor) => tensor.#handle;
    setHandle = (tensor, handle) => {
      tensor.#handle = handle;
    };
    isTensor = (value): value is Tensor => typeof value === "object" && value !== null && #handle in value;
  }
}

let construct: (handle: number) => Tensor;
/** Tells how to make a Tensor; done once, by tensor.ts, which this module must not depend on. */
export function constructWith(constructor: (handle: number) => Tensor): void {
  construct = constructor;
}

/** A variable of a transformation. */
export interface Variable {
  readonly tensor: Handle;
  /** The tensor that was given for it. */
  readonly given: Tensor;
  /** Where that stands: `argument 1.w`. */
  readonly path: string;
}

interface Scope {
  readonly name: string;
  readonly transforms: boolean;
  /** What is recorded here becomes a plan. */
  readonly planning: boolean;
  parent: Scope | null;
  /** Made here, freed when the scope ends unless it is a result. */
  tensors: Handle[];
  /** Results of a transformation by `keep`. */
  kept: Handle[];
  /** The variables of a transformation, with their tensors and places in its arguments: names for pictures. */
  variables: Variable[];
}

let top: Scope | null = null;
let transformations = 0;

/** Refuses in the recording of a plan what would be the same in each of its runs; `instead` says what to do. */
export function refusePlans(op: string, instead: string): void {
  for (let scope = top; scope !== null; scope = scope.parent)
    if (scope.planning)
      throw new TensorError("trace", op, `it would give the same in every call of a compiled function; ${instead}`);
}

/** Number of open transformations. */
export function depth(): number {
  return transformations;
}

/** Sees every tensor that is made, with its handle, while somebody looks. */
export type Observer = (tensor: Tensor, handle: number) => void;
let observer: Observer | null = null;

/** Sets who sees tensors that are made; gives who did before. */
export function observe(next: Observer | null): Observer | null {
  const before = observer;
  observer = next;
  return before;
}

/** A new Tensor for a handle of the core, owned by the innermost scope, else by the garbage collector. */
export function made(handle: number): Tensor {
  const tensor = construct(handle);
  if (observer !== null) observer(tensor, handle);
  give(tensor, top);
  return tensor;
}

/** The Tensor for a handle that the core gave; its refusal, where it gave none. */
export function taken(handle: number, op?: string): Tensor {
  return handle === 0 ? raise(op) : made(handle);
}

// Without tokens: a tensor that was disposed before it is collected is a stale handle, which `release` ignores.
const registry = new FinalizationRegistry<number>((handle) => {
  try {
    releaseHandle(handle);
  } catch {
    // The core is dead, and with it the tensor; an error here would end the process.
  }
});

/**
 * Tensors that nobody but the garbage collector will free, since the last time that it was told. Finalizers do not run before
 * the program comes to a rest, and by then most of these have been disposed: the collector, for which each tensor is work,
 * never hears of them.
 */
const unregistered: Handle[] = [];
/** So many at most, lest what was disposed in a long loop stay here. */
const mostUnregistered = 1024;

function leaveToCollector(tensor: Handle): void {
  const count = unregistered.push(tensor);
  if (count === 1) queueMicrotask(register);
  else if (count >= mostUnregistered) register();
}

function register(): void {
  for (const tensor of unregistered.splice(0)) {
    const handle = handleOf(tensor);
    if (handle > 0) registry.register(tensor, handle);
  }
}

/** How tensors end; the number of a fate is `-1 - index`. */
const fates = ["was disposed", "was freed when tidy returned; return it from the function, or keep(it)"];
const disposed = -1;
const fateIn = new Map([["tidy", -2]]);

/** The fate of a tensor that a scope of this name freed. */
function fateOf(name: string): number {
  return (
    fateIn.get(name) ??
    fateNumber(name, `was made inside ${name} and freed when it returned; return it from the function`)
  );
}

/** The number of a fate that goes by this name. */
function fateNumber(name: string, sentence: string): number {
  let fate = fateIn.get(name);
  if (fate === undefined) {
    fate = -fates.push(sentence);
    fateIn.set(name, fate);
  }
  return fate;
}

/** Releases one handle, which may be stale. */
export function releaseHandle(handle: number): void {
  scratch(1)[0] = handle;
  core.release(1);
}

/** Frees a tensor now; a second time does nothing. */
export function dispose(tensor: Handle): void {
  const handle = handleOf(tensor);
  if (handle <= 0) return;
  setHandle(tensor, disposed);
  releaseHandle(handle);
}

/** Says that a tensor's handle was given back in another way; `fate` says how. */
export function expire(tensor: Handle, fate: string): void {
  setHandle(tensor, fateNumber(fate, fate));
}

/** The handle of a tensor that must still be there, for `op`; `name` says which one it is in the sentence. */
export function alive(op: string, tensor: Handle, name = "the tensor"): number {
  const handle = handleOf(tensor);
  if (handle > 0) return handle;
  throw new TensorError("disposed", op, `${name} ${fates[-1 - handle] ?? "is gone"}`);
}

/** The key that `using` calls; hosts without explicit resource management have the one that compilers fall back to. */
export const disposeKey: typeof Symbol.dispose = Reflect.get(Symbol, "dispose") ?? Symbol.for("Symbol.dispose");

const owners = new WeakMap<object, readonly Handle[]>();

/** Says that something which is no tensor, such as a pullback, lives by these tensors. */
export function owns(owner: object, tensors: readonly Handle[]): void {
  owners.set(owner, tensors);
}

/** Refuses what is to outlive a transformation and holds a pullback, whose tape ends with the transformation. */
export function refuseTapes(op: string, value: unknown): void {
  const found: unknown[] = [];
  tensorsIn(value, found);
  if (found.length === 0) return;
  const must = "a pullback or pushforward ends with the transformation that it was made in; call it inside";
  throw new TensorError("trace", op, must);
}

/** The tensors in any nesting of arrays, maps, sets and objects; functions that live by tensors go to `tapes`. */
export function tensorsIn(value: unknown, tapes: unknown[] = []): Handle[] {
  if (value === undefined) return [];
  if (isTensor(value)) return [value];
  const found: Handle[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    if (isTensor(value)) found.push(value);
    else if (typeof value === "function") {
      const tensors = owners.get(value) ?? [];
      if (tensors.length > 0) tapes.push(value);
      found.push(...tensors);
    } else if (value instanceof Map || value instanceof Set) for (const item of value.values()) visit(item);
    else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) visit(item);
  };
  visit(value);
  return found;
}

function open(name: string, transforms: boolean, planning = false): Scope {
  const scope: Scope = { name, transforms, planning, parent: top, tensors: [], kept: [], variables: [] };
  top = scope;
  if (transforms) transformations += 1;
  return scope;
}

function unlink(scope: Scope): void {
  if (top === scope) {
    top = scope.parent;
  } else {
    // An async tidy that ends while a later one is open.
    let above = top;
    while (above !== null && above.parent !== scope) above = above.parent;
    if (above !== null) above.parent = scope.parent;
  }
  if (scope.transforms) transformations -= 1;
}

/** Remembers a variable of the innermost scope. */
export function remember(variable: Variable): void {
  top?.variables.push(variable);
}

/** The variables of all open transformations that are still there. */
export function variables(): readonly Variable[] {
  const all: Variable[] = [];
  for (let scope = top; scope !== null; scope = scope.parent)
    all.push(...scope.variables.filter(({ tensor }) => handleOf(tensor) > 0));
  return all;
}

/** Gives a tensor to a scope, or to the garbage collector. */
function give(tensor: Handle, scope: Scope | null): void {
  if (scope === null) leaveToCollector(tensor);
  else scope.tensors.push(tensor);
}

/** Lets a kept tensor outlive the scopes from `scope` outwards; a transformation must compute it when it ends. */
function letLive(tensor: Handle, scope: Scope | null): void {
  let outer = scope;
  while (outer !== null && !outer.transforms) outer = outer.parent;
  if (outer === null) leaveToCollector(tensor);
  else outer.kept.push(tensor);
}

/**
 * What stays differentiable when a transformation ends: its results begin with so many copies of the outputs for the
 * caller and so many variables; the outputs follow.
 */
export interface Connected {
  readonly copies: number;
  readonly variables: number;
}

/**
 * Ends a scope: those of `results` that it made and what was kept go to whoever is outside, all else is freed in one
 * call.
 */
function close(scope: Scope, results: readonly Handle[], connected?: Connected): void {
  const { parent, tensors } = scope;
  unlink(scope);
  // What survives is set aside: its handle is zero while the others are gathered.
  const aside: Handle[] = [];
  const handles: number[] = [];
  for (const tensor of scope.kept.length === 0 ? results : [...results, ...scope.kept]) {
    const handle = handleOf(tensor);
    if (handle <= 0) continue; // there twice, or disposed
    aside.push(tensor);
    handles.push(handle);
    setHandle(tensor, 0);
  }
  const isAside = (tensor: Handle): boolean => handleOf(tensor) === 0;
  const survivors = tensors.filter(isAside);
  const kept = scope.kept.filter(isAside);
  const slots = scratch(aside.length + tensors.length);
  const own: Handle[] = [];
  if (scope.transforms) {
    // What it has made is computed; NaN tells it from what was there before.
    for (const tensor of survivors) setHandle(tensor, NaN);
    for (const tensor of kept) setHandle(tensor, NaN);
    aside.forEach((tensor, i) => {
      if (!isAside(tensor)) slots[own.push(tensor) - 1] = handles[i] ?? 0;
    });
  }
  const fate = fateOf(scope.name);
  let end = own.length;
  for (const tensor of tensors) {
    const handle = handleOf(tensor);
    if (!(handle > 0)) continue;
    slots[end++] = handle;
    setHandle(tensor, fate);
  }
  aside.forEach((tensor, i) => {
    setHandle(tensor, handles[i] ?? 0);
  });
  if (!scope.transforms) {
    if (end > 0) core.release(end);
  } else if (core.end(own.length, end - own.length, connected?.copies ?? 0, connected?.variables ?? 0) === 0) {
    for (const tensor of own) setHandle(tensor, fate);
    raise();
  }
  for (const tensor of survivors) give(tensor, parent);
  for (const tensor of kept) letLive(tensor, parent);
}

/** Ends a scope whose function threw. */
function abandon(scope: Scope): void {
  try {
    close(scope, []);
  } catch {
    // The first error says more.
  }
}

/**
 * Runs `body` inside a transformation named `name`. `body` gives a value and the tensors in it that survive, all of
 * them made inside (see `own`), and which of these can still be differentiated by the pass of a pullback or pushforward;
 * the others are freed, and all of them when it throws. With `planning` it makes a plan of what is recorded.
 */
export function transform<T>(
  name: string,
  body: () => readonly [value: T, results: readonly Handle[], connected?: Connected],
  planning = false,
): T {
  core.begin(Number(planning));
  const scope = open(name, true, planning);
  let outcome: readonly [T, readonly Handle[], Connected?];
  try {
    outcome = body();
  } catch (error) {
    scope.tensors.push(...scope.kept.splice(0)); // what was not computed cannot be kept
    abandon(scope);
    throw error;
  }
  close(scope, outcome[1], outcome[2]);
  return outcome[0];
}

/** The tensor itself if the innermost transformation made it, else a tensor of its own with the same value. */
export function own(tensor: Tensor): Tensor {
  return top !== null && top.tensors.lastIndexOf(tensor) >= 0 ? tensor : variable(tensor, true);
}

/** A new node with the value of a tensor: a variable to differentiate by or, when `tied`, one derivatives flow through. */
export function variable(tensor: Handle, tied = false): Tensor {
  return taken(core.variable(handleOf(tensor), tied ? 1 : 0));
}

/**
 * Runs `f` and frees the tensors made in it, except those in what it returns (in any nesting of arrays and objects) and
 * those given to `keep`. They belong to the enclosing tidy, if there is one. `f` may be async: then the tensors are
 * freed when its promise settles; let async tidies follow each other, or nest, but not run side by side.
 */
export function tidy<T>(f: () => Promise<T>): Promise<T>;
export function tidy<T>(f: () => T): T;
export function tidy(f: () => unknown): unknown {
  if (typeof f !== "function") throw new TensorError("argument", "tidy", "the argument must be a function");
  const scope = open("tidy", false);
  let result: unknown;
  let results: readonly Handle[] = [];
  try {
    result = f();
    if (transformations > 0) refusePromise("tidy inside a transformation", result);
    if (!isPromise(result)) results = tensorsIn(result);
  } catch (error) {
    abandon(scope);
    throw error;
  }
  if (isPromise(result)) return settle(scope, result);
  close(scope, results);
  return result;
}

async function settle(scope: Scope, promise: PromiseLike<unknown>): Promise<unknown> {
  let results: Handle[] = [];
  try {
    const value = await promise;
    results = tensorsIn(value);
    return value;
  } finally {
    // Tensors that were made while a later tidy was open stand in its list.
    const claimed = new Set(results);
    for (let later = top; later !== null && later !== scope; later = later.parent) {
      const moves = (tensor: Handle): boolean => claimed.has(tensor);
      scope.tensors.push(...later.tensors.filter(moves));
      later.tensors = later.tensors.filter((tensor) => !moves(tensor));
    }
    close(scope, results);
  }
}

/**
 * Lets tensors outlive every enclosing tidy and transformation, until they are disposed or collected; gives its
 * argument back. Inside a transformation they are computed when it ends.
 */
export function keep<T>(value: T): T {
  if (transformations > 0) refuseTapes("keep", value);
  for (const tensor of tensorsIn(value)) {
    alive("keep", tensor);
    for (let scope = top; scope !== null; scope = scope.parent) {
      const place = scope.tensors.lastIndexOf(tensor);
      if (place < 0) continue;
      scope.tensors.splice(place, 1);
      letLive(tensor, scope);
      break;
    }
  }
  return value;
}
