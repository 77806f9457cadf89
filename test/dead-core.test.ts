// A stack overflow is the one mistake of a user that can stop the core: then every call says so. In a file of its own,
// because the core does not come back.
import { expect, it } from "vitest";
import { grad, type Tensor, tensor, TensorError, tidy } from "wengert";

it("says what happened after endless recursion", () => {
  const x = tensor([1, 2]);
  const endless = (x: Tensor): Tensor => endless(x.add(1)).mul(2);
  expect(() => grad(endless)(x)).toThrow(RangeError);
  expect(() => tidy(() => endless(x))).toThrow();
  for (let i = 0; i < 3; i++) {
    try {
      expect(x.mul(2).toArray()).toEqual([2, 4]); // it struck outside the core
    } catch (error) {
      expect(error).toBeInstanceOf(TensorError);
      expect((error as TensorError).code).toBe("memory");
      expect((error as TensorError).message).toMatch(
        /^wengert: the core stopped .* all tensors are lost; load wengert anew$/,
      );
    }
  }
});
