// The dtypes, in the order of their codes at the boundary (crate/kernels/src/dtype.rs), and the typed arrays that hold them.

/** What the elements of a tensor are. `bool` takes one byte, 0 or 1. */
export type DType = "float32" | "float64" | "int32" | "bool";

/** The typed array that shows the elements of a tensor. */
export type TensorData = Float32Array | Float64Array | Int32Array | Uint8Array;

/** All dtypes; the place of each is its code. */
export const dtypes = ["float32", "float64", "int32", "bool"] as const satisfies readonly DType[];

const codes: ReadonlyMap<unknown, number> = new Map(dtypes.map((dtype, code) => [dtype, code]));

/** The code of a dtype, if it is one. */
export function dtypeCode(dtype: unknown): number | undefined {
  return codes.get(dtype);
}

/** Whether tensors of this dtype carry derivatives. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** A view of `length` elements at `pointer` (bytes) of `buffer`. */
export function viewOf(dtype: DType, buffer: ArrayBufferLike, pointer: number, length: number): TensorData {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, pointer, length);
    case "float64":
      return new Float64Array(buffer, pointer, length);
    case "int32":
      return new Int32Array(buffer, pointer, length);
    case "bool":
      return new Uint8Array(buffer, pointer, length);
  }
}
