// The Tensor: an immutable value in the core's memory, with the operations (ops.gen.ts) as methods.
import { asTensor } from "./apply.js";
import { nest, type NestedValues, type Plain } from "./convert.js";
import { core, memoryView, property, raise, scratch, setName } from "./core.js";
import { type DType, dtypes, type TensorData } from "./dtype.js";
import { checkOptions, describe, shapeText, tensorBrand, TensorError } from "./errors.js";
import { type Hook, registerHook, type Registration, rethrow } from "./hooks.js";
import { type AxisOptions, split, topk, type TopkOptions, unique, unstack } from "./lists.js";
import { TensorOps } from "./methods.gen.js";
import { print } from "./print.js";
import { alive, constructWith, dispose, disposeKey, handleOf, made, releaseHandle } from "./scope.js";

/** What functions take where they take a tensor; plain data adopts the dtype of the tensor operand. */
export type TensorLike = Tensor | Plain;

/** How `backward` goes about it. */
export interface BackwardOptions {
  /** Keeps what the pass needs, so that it can be run again; false by default. */
  readonly retainGraph?: boolean;
  /** Makes the gradients differentiable themselves; false by default. */
  readonly createGraph?: boolean;
}

interface Info {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly size: number;
}

const flag = { requiresGrad: 1 } as const;

const inspect = Symbol.for("nodejs.util.inspect.custom");

/**
 * An n-dimensional array of numbers. Values never change (`assign` gives the Tensor another one); views share memory.
 */
export class Tensor extends TensorOps {
  #info: Info | null = null;
  #grad: Tensor | null = null;
  #name: string | null = null;

  static {
    constructWith((handle) => new Tensor(handle));
  }

  private constructor(handle: number) {
    super(handle);
  }

  #read(op: string): Info {
    const handle = alive(op, this);
    if (this.#info !== null) return this.#info;
    if (core.info(handle) === 0) raise(op);
    const slots = scratch(3);
    const sizes: number[] = [];
    let size = 1;
    for (let i = 0; i < (slots[2] ?? 0); i++) {
      sizes.push(slots[3 + i] ?? 0);
      size *= slots[3 + i] ?? 0;
    }
    const shape = Object.freeze(sizes);
    this.#info = { shape, dtype: dtypes[slots[0] ?? 0] ?? "float32", size };
    return this.#info;
  }

  /** Sizes of the axes in elements, outermost first. */
  get shape(): readonly number[] {
    return this.#read("shape").shape;
  }

  /** What the elements are. */
  get dtype(): DType {
    return this.#read("dtype").dtype;
  }

  /** Number of axes. */
  get ndim(): number {
    return this.#read("ndim").shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.#read("size").size;
  }

  /** Whether `backward` accumulates a gradient in this tensor, or passes through it to those that it was made of. */
  get requiresGrad(): boolean {
    if (core.info(alive("requiresGrad", this)) === 0) raise("requiresGrad");
    return ((scratch(2)[1] ?? 0) & flag.requiresGrad) !== 0;
  }

  set requiresGrad(value: boolean) {
    if (typeof value !== "boolean")
      throw new TensorError("argument", "requiresGrad", `must be true or false, got ${describe(value)}`);
    this.#set("requiresGrad", Number(value));
  }

  /** The gradient that `backward` has accumulated; the same Tensor as long as it does not change. */
  get grad(): Tensor | null {
    const handle = core.getGrad(alive("grad", this));
    if (handle === 0) {
      this.#grad = null;
      return null;
    }
    const known = this.#grad;
    if (known !== null && handleOf(known) > 0 && core.same(handleOf(known), handle) === 1) {
      releaseHandle(handle);
      return known;
    }
    this.#grad = made(handle);
    return this.#grad;
  }

  /** The name given with `named`. */
  get name(): string | null {
    return this.#name;
  }

  /** Names the tensor, for pictures and error messages; gives it back. */
  named(name: string): this {
    if (typeof name !== "string")
      throw new TensorError("argument", "named", `the name must be a string, got ${describe(name)}`);
    const handle = alive("named", this);
    if (!setName(handle, name)) raise("named");
    this.#name = name;
    return this;
  }

  /** The value of a tensor with one element. */
  item(): number | boolean {
    const { dtype, size, shape } = this.#read("item");
    if (size !== 1)
      throw new TensorError("shape", "item", `the tensor must have one element, got shape ${shapeText(shape)}`, [
        shape,
      ]);
    const value = this.#view("item")[0] ?? 0;
    return dtype === "bool" ? value !== 0 : value;
  }

  /** The values as nested arrays; a number or boolean where there are no axes. */
  toArray(): number | boolean | NestedValues {
    const { dtype, shape } = this.#read("toArray");
    return nest(this.#view("toArray"), shape, dtype);
  }

  /** A copy of the values in row-major order; of bool as bytes 0 and 1. */
  data(): TensorData {
    return this.#view("data").slice();
  }

  /**
   * Calls `f` with a view of the values in row-major order and returns its result; no copy is made of a contiguous
   * tensor. The view is for reading, and it is only lent: any call that makes a tensor may move the memory, which
   * leaves the view empty, and what is freed after `f` may be overwritten.
   */
  withData<T>(f: (view: TensorData) => T): T {
    if (typeof f !== "function")
      throw new TensorError("argument", "withData", `the argument must be a function, got ${describe(f)}`);
    return f(this.#view("withData"));
  }

  #view(op: string): TensorData {
    const { dtype, size } = this.#read(op);
    const pointer = core.data(handleOf(this));
    return pointer === 0 ? raise(op) : memoryView(dtype, pointer, size);
  }

  /**
   * The backward pass: adds the derivative of this tensor by each leaf with `requiresGrad` to the leaf's `grad`.
   * `gradient` has the shape of this tensor and may be left out if that has one element. Frees what the tape kept for
   * the pass, unless `retainGraph` or `createGraph` is set.
   */
  backward(gradient?: TensorLike | null, options: BackwardOptions = {}): void {
    checkOptions("backward", options, ["retainGraph", "createGraph"]);
    const handle = alive("backward", this);
    const flags = (options.retainGraph === true ? 1 : 0) + (options.createGraph === true ? 2 : 0);
    const given = gradient ?? null;
    const g = given === null ? null : asTensor("backward", given, "the gradient", this.dtype);
    const done = core.backward(handle, g === null ? 0 : handleOf(g), flags);
    if (g !== null && g !== given) dispose(g);
    rethrow();
    if (done === 0) raise();
  }

  /**
   * Calls `hook` with the gradient of this tensor whenever `backward` has it; what the hook returns, if anything, goes on
   * in its place. The registration's `remove` ends that.
   */
  registerHook(hook: Hook): Registration {
    return registerHook(this, hook);
  }

  /** Forgets the accumulated gradient; a tensor that was read from `grad` stays valid. */
  zeroGrad(): void {
    this.#set("zeroGrad", 0);
    this.#grad = null;
  }

  /** Lets `backward` store the gradient of this tensor although it is no leaf. */
  retainGrad(): this {
    this.#set("retainGrad", 0);
    return this;
  }

  /**
   * Gives this Tensor another value of the same shape: the numbers only, no gradient flows to where they came from. Not
   * inside a transformation, and not while an open tape holds the value.
   */
  assign(value: TensorLike): this {
    const next = asTensor("assign", value, "the value", this.#read("assign").dtype);
    try {
      this.#set("assign", handleOf(next));
    } finally {
      if (next !== value) dispose(next);
    }
    return this;
  }

  #set(what: "requiresGrad" | "zeroGrad" | "retainGrad" | "assign", value: number): void {
    if (core.set(alive(what, this), property[what], value) === 0) raise(what);
  }

  /**
   * Parts of `x` along an axis (the first if left out): `parts` equal ones, or one of each of the sizes in a list.
   * @dtypes any
   * @derivative x gets what the parts get, one after the other
   * @cost O(1) for each part
   */
  split(parts: number | readonly number[], options?: number | AxisOptions): Tensor[] {
    return split(this, parts, options);
  }

  /**
   * The slices of `x` along an axis (the first if left out), without that axis.
   * @dtypes any
   * @derivative x gets what the slices get, stacked
   * @cost O(1) for each slice
   */
  unstack(options?: number | AxisOptions): Tensor[] {
    return unstack(this, options);
  }

  /**
   * `[values, indices]` of the k largest elements along an axis, in descending order (the smallest in ascending order); of
   * equal ones those that come first, which alone get the gradient. NaN counts as the largest.
   * @dtypes any
   * @derivative x gets g of the values in the places that they came from; the indices are int32
   * @cost O(n log n) along the axis
   */
  topk(k: number, options?: number | TopkOptions): [values: Tensor, indices: Tensor] {
    return topk(this, k, options);
  }

  /**
   * The different elements in ascending order, NaN once and last. Their number depends on the values, so these are read:
   * no gradient flows, and inside vmap it is an error.
   * @shapes `[..] -> [m]`
   * @dtypes any
   * @derivative none
   * @cost O(n log n)
   */
  unique(): Tensor {
    return unique(this);
  }

  /** The same values without a past: no gradient flows through the result. Shares memory. */
  detach(): Tensor {
    return this.stopGradient();
  }

  /** Frees the tensor now. Using it afterwards is an error; disposing it twice is not. */
  dispose(): void {
    dispose(this);
  }

  /** Frees the tensor at the end of the block of a `using` declaration. */
  [disposeKey](): void {
    dispose(this);
  }

  /** Whether the tensor was disposed, or freed by a tidy or transformation that has ended. */
  get isDisposed(): boolean {
    return handleOf(this) < 0;
  }

  /** Values with shape and dtype, long axes abridged. */
  override toString(): string {
    if (this.isDisposed) return "tensor(disposed)";
    const { dtype, shape } = this.#read("toString");
    return print(this.#view("toString"), shape, dtype, this.requiresGrad ? ", requiresGrad" : "");
  }

  /** What console.log shows in Node. */
  [inspect](): string {
    return this.toString();
  }

  /** Marks tensors of every copy of wengert. */
  get [tensorBrand](): true {
    return true;
  }
}
