// Finding what went wrong: the first NaN, and tensors that nobody frees. Both look at where tensors are made.
import { core } from "./core.js";
import { checkFunction, refusePromise, TensorError } from "./errors.js";
import { depth, handleOf, observe, type Observer } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** The line of the program at which the library was called: the first frame above those of this package. */
function callSite({ stack = "" } = new Error()): string {
  const frames = stack.split("\n").filter((line) => /^\s+at |@/.test(line));
  const own = fileOf(frames[0] ?? "");
  const folder = own.slice(0, own.lastIndexOf("/") + 1);
  const site = frames.find((line) => folder === "" || !fileOf(line).startsWith(folder)) ?? "";
  return site.trim().replace(/^at /, "");
}

/** The file of a frame of a stack, in the forms of V8, SpiderMonkey and JavaScriptCore. */
function fileOf(frame: string): string {
  return /(?:\(|@|at )((?:file:|https?:|\/|[A-Za-z]:).*?):\d+:\d+\)?$/.exec(frame)?.[1] ?? "";
}

/** Runs `f` while every tensor that is made is seen. */
function observed<T>(see: Observer, f: () => T): T {
  const outer = observe(null);
  observe((tensor, handle) => {
    outer?.(tensor, handle);
    see(tensor, handle);
  });
  try {
    return f();
  } finally {
    observe(outer);
  }
}

let watching = false;

/** Whether values are looked at for the first NaN. */
export function isWatching(): boolean {
  return watching;
}

/**
 * Runs `f` and returns its result, unless some operation in it, or its derivative, makes the first NaN or infinity from
 * finite numbers: then it throws a `TensorError` with code `value`, the name of that operation, what it was given, and
 * the line that called it. For debugging: every value is looked at.
 */
export function detectAnomaly<T>(f: () => T): T {
  checkFunction("detectAnomaly", f);
  if (depth() > 0) {
    const must = "inside a transformation nothing is computed yet; call it around the transformation";
    throw new TensorError("trace", "detectAnomaly", must);
  }
  if (watching) return f(); // the outer one sees it
  const sites = new Map<number, string>();
  core.watch(1);
  watching = true;
  try {
    const result = observed((_, handle) => sites.set(handle, callSite()), f);
    refusePromise("detectAnomaly", result);
    return result;
  } catch (error) {
    const fault = core.watch(0);
    if (!(error instanceof TensorError) || error.code !== "value" || fault === 0) throw error;
    // An operation outside transformations has failed before its tensor was made.
    const site = sites.get(fault) ?? callSite(error);
    const sentence = error.message.slice(error.op.length + 2);
    const where = site === "" ? "" : ` (called at ${site})`;
    throw new TensorError("value", error.op, sentence + where, error.shapes, error.dtypes);
  } finally {
    core.watch(0);
    watching = false;
  }
}

/** Tensors that one line has made and that have not been freed. */
export interface Leak {
  /** The line that called the library, as a stack names it. */
  readonly site: string;
  readonly tensors: number;
  readonly bytes: number;
}

/** What `leakReport` found. */
export interface LeakReport {
  readonly tensors: number;
  readonly bytes: number;
  /** By the line that made them, the most bytes first. */
  readonly leaks: readonly Leak[];
  /** All of this as text. */
  toString(): string;
}

/**
 * Runs `f` and reports the tensors made in it that are still there when it has returned, by the line that made them; what
 * `f` returns is among them. Nothing is freed.
 */
export function leakReport(f: () => unknown): LeakReport {
  checkFunction("leakReport", f);
  const sites = new Map<Tensor, string>();
  const result = observed((tensor) => sites.set(tensor, callSite()), f);
  refusePromise("leakReport", result);
  const bySite = new Map<string, Leak>();
  for (const [tensor, site] of sites) {
    if (handleOf(tensor) <= 0) continue;
    const { tensors, bytes } = bySite.get(site) ?? { tensors: 0, bytes: 0 };
    bySite.set(site, { site, tensors: tensors + 1, bytes: bytes + tensor.size * widths[tensor.dtype] });
  }
  return reportOf([...bySite.values()].sort((a, b) => b.bytes - a.bytes));
}

/** The report, in a function of its own: it must not keep the tensors that were looked at. */
function reportOf(leaks: readonly Leak[]): LeakReport {
  const [tensors, bytes] = [leaks.reduce((n, l) => n + l.tensors, 0), leaks.reduce((n, l) => n + l.bytes, 0)];
  const lines = leaks.map((l) => `  ${l.tensors} tensors, ${l.bytes} bytes: ${l.site}`);
  const text = [`${tensors} tensors with ${bytes} bytes outlive the function${tensors === 0 ? "" : ":"}`, ...lines];
  return { tensors, bytes, leaks, toString: () => text.join("\n") };
}

/** Bytes of an element. */
const widths = { float32: 4, float64: 8, int32: 4, bool: 1 } as const;
