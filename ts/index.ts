// wengert: what programs import. The entries in entry/ bring the core to life and hand all of this on.
export { explain } from "./explain.js";
export { gradCheck, type Discrepancy, type GradCheckOptions, type GradCheckResult } from "./check.js";
export type { Axes, Contraction, Padding, Pairs, Slices } from "./attributes.js";
export type { NestedArray, NestedValues, NumericArray, Shape } from "./convert.js";
export {
  arange,
  type CreateOptions,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  tensor,
  type TensorOptions,
  zeros,
  zerosLike,
} from "./create.js";
export { checkpoint, customJvp, customVjp } from "./custom.js";
export { detectAnomaly, type Leak, leakReport, type LeakReport } from "./diagnose.js";
export { compile, type Compiled, type CompileOptions } from "./compile.js";
export type { Plan } from "./plan.js";
export { type DifferenceOptions, finiteDifference } from "./difference.js";
export { type Graph, graph, type GraphEdge, type GraphNode, toDot } from "./dot.js";
export type { DType, TensorData } from "./dtype.js";
export { type ErrorCode, TensorError } from "./errors.js";
export { grad, type GradOptions, noGrad, stopGradient, valueAndGrad } from "./grad.js";
export type { Hook, Registration } from "./hooks.js";
export { init, type InitOptions, type Running } from "./init.js";
export { hessian, jacfwd, jacobian, type Jacobian, type JacobianOptions, jacrev, type Mode } from "./jacobian.js";
export * as linalg from "./linalg.js";
export {
  type AxisOptions,
  meshgrid,
  type MeshgridOptions,
  split,
  topk,
  type TopkOptions,
  unique,
  unstack,
} from "./lists.js";
export { type Memory, memory, resetPeak } from "./memory.js";
export * from "./ops.gen.js";
export { manualSeed, rand, randn } from "./rand.js";
export * as random from "./random.js";
export { keep, tidy } from "./scope.js";
export type { Mapped, Structure, Tensors, Tree } from "./structure.js";
export { type BackwardOptions, Tensor, type TensorLike } from "./tensor.js";
export * as tree from "./tree.js";
export type { Definition } from "./tree.js";
export { type MappedAxes, vmap, type VmapOptions } from "./vmap.js";
export { hvp, jvp, linearize, type Pullback, type Pushforward, vjp } from "./vjp.js";
