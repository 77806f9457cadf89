// What several tests use.
import { expect } from "vitest";
import { memory, Tensor, TensorError, tidy } from "wengert";

/** What `f` leaves behind: live tensors and bytes. Finalizers cannot run in between, since nothing here is async. */
export function left(f: () => unknown): { tensors: number; bytes: number } {
  const before = memory();
  f();
  const after = memory();
  return { tensors: after.tensors - before.tensors, bytes: after.bytes - before.bytes };
}

/** Expects that `f` frees all that it makes. */
export function expectNothingLeft(f: () => unknown): void {
  expect(left(f)).toEqual({ tensors: 0, bytes: 0 });
}

/** The error that `f` throws, which must be a TensorError; nothing may be left behind. */
export function refusal(f: () => unknown): TensorError {
  let error: unknown;
  expectNothingLeft(() => {
    try {
      tidy(() => void f());
    } catch (e) {
      error = e;
    }
  });
  expect(error).toBeInstanceOf(TensorError);
  return error as TensorError;
}

/** Values of a tensor. */
export function values(t: Tensor | null): unknown {
  return t?.toArray() ?? null;
}

/** The bits of a tensor's values, as text. */
export function bits(t: Tensor): string {
  return Buffer.from(t.data().buffer).toString("base64");
}

/** What plain JavaScript may pass although the types forbid it. */
export const anything = (value: unknown): never => value as never;

/** A function of a tensor that returns the same whatever it is given. */
export const always =
  <R>(result: R): ((x: Tensor) => R) =>
  () =>
    result;
