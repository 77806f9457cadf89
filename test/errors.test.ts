// Bad use is a clear sentence, the engine goes on working, and nothing is leaked.
import { afterEach, describe, expect, it } from "vitest";
import * as w from "wengert";
import {
  add,
  concat,
  type DType,
  grad,
  matmul,
  ones,
  reshape,
  sum,
  tanh,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "wengert";
import { anything, expectNothingLeft, refusal } from "./support.js";

afterEach(() => {
  // Whatever was refused before, the engine works.
  expectNothingLeft(() => {
    expect(tidy(() => grad((x: Tensor) => x.mul(x).sum())(tensor([1, 2])).toArray())).toEqual([2, 4]);
  });
});

describe("operands", () => {
  const table: readonly (readonly [name: string, f: () => unknown, code: w.ErrorCode, message: string])[] = [
    [
      "undefined",
      () => ones([2]).add(anything(undefined)),
      "argument",
      "add: argument 2 must be a tensor, a number or an array, got undefined",
    ],
    [
      "a string",
      () => add(anything("abc"), 1),
      "argument",
      'add: argument 1 must be a tensor, a number or an array, got "abc"',
    ],
    [
      "an object",
      () => tanh(anything({})),
      "argument",
      "tanh: argument 1 must be a tensor, a number or an array, got an object (Object)",
    ],
    [
      "null",
      () => matmul(ones([2]), anything(null)),
      "argument",
      "matmul: argument 2 must be a tensor, a number or an array, got null",
    ],
    [
      "a function",
      () => tanh(anything(tanh)),
      "argument",
      "tanh: argument 1 must be a tensor, a number or an array, got a function",
    ],
    [
      "no list",
      () => concat(anything(ones([2]))),
      "argument",
      "concat: the first argument must be an array of tensors, got a tensor",
    ],
    ["a missing parameter", () => reshape(ones([2]), anything(undefined)), "argument", "reshape: shape must be given"],
    [
      "an unknown option",
      () => ones([2]).sum(anything({ axes: 0 })),
      "argument",
      'sum: the options are axis and keepDims, got "axes"',
    ],
    [
      "options of an operation without",
      () => w.gather(ones([2]), [0], anything("x")),
      "axis",
      'gather: axis must be an integer, got "x"',
    ],
    [
      "NaN as an axis",
      () => sum(ones([2]), NaN),
      "axis",
      "sum: axis must be an integer or a list of integers, got NaN",
    ],
    [
      "a fraction as an axis",
      () => sum(ones([2]), [0.5]),
      "axis",
      "sum: axis must be an integer or a list of integers, got 0.5",
    ],
    [
      "infinity as an axis",
      () => concat([ones([2])], Infinity),
      "axis",
      "concat: axis must be an integer, got Infinity",
    ],
    [
      "a choice",
      () => w.gelu(ones([2]), anything("fast")),
      "argument",
      'gelu: approximate must be "none" or "tanh", got "fast"',
    ],
    [
      "a flag",
      () => ones([2]).sum({ keepDims: anything(1) }),
      "argument",
      "sum: keepDims must be true or false, got 1",
    ],
    [
      "a dtype",
      () => ones([2]).to(anything("float16")),
      "dtype",
      'to: dtype must be "float32", "float64", "int32" or "bool", got "float16"',
    ],
    [
      "slices",
      () => ones([2]).slice(anything([["a"]])),
      "argument",
      "slice: slices must be a list with [start, stop, step], of integers, or null for each axis, got an array of 1",
    ],
    ["text", () => w.einsum(anything(3), ones([2])), "argument", "einsum: equation must be a string, got 3"],
  ];
  it.each(table)("refuses %s", (_, f, code, message) => {
    const error = refusal(f);
    expect(error.message).toBe(message);
    expect(error.code).toBe(code);
    expect(error.op).toBe(message.slice(0, message.indexOf(":")));
  });

  it("refuses shapes that do not fit, with the shapes", () => {
    const error = refusal(() => matmul(ones([2, 3]), ones([4, 5])));
    expect(error.message).toBe("matmul: inner dimensions must agree, got [2, 3] · [4, 5] (3 and 4)");
    expect(error).toMatchObject({
      name: "TensorError",
      code: "shape",
      op: "matmul",
      shapes: [
        [2, 3],
        [4, 5],
      ],
    });
  });

  it("refuses axes that are not there", () => {
    for (const axis of [2, -3]) {
      const error = refusal(() => ones([2, 3]).sum(axis));
      expect(error.code).toBe("axis");
      expect(error.message).toMatch(/^sum: /);
      expect(error.message).toContain(String(axis));
    }
  });

  it("refuses two dtypes, with the conversion to write", () => {
    const error = refusal(() => ones([2]).add(ones([2], "float64")));
    expect(error.code).toBe("dtype");
    expect(error.dtypes).toEqual(["float32", "float64"]);
    expect(error.message).toContain('.to("float64")');
  });
});

describe("data and shapes", () => {
  it("refuses ragged arrays", () => {
    expect(refusal(() => tensor([[1, 2], [3]]))).toMatchObject({
      code: "shape",
      message:
        "tensor: nested arrays must be rectangular: [1] must hold 2 elements as its neighbours do, got an array of 1",
    });
    expect(refusal(() => tensor(anything([[1, 2], 3]))).code).toBe("shape");
    expect(refusal(() => tensor([1, [2]])).code).toBe("shape");
    expect(refusal(() => ones([2, 2]).add([[1], [2, 3]])).op).toBe("add");
  });

  it("refuses data that are no numbers", () => {
    expect(refusal(() => tensor(anything("12"))).message).toBe(
      'tensor: the data must be numbers, booleans, nested arrays or a typed array, got "12"',
    );
    expect(refusal(() => tensor(anything([1, "2"]))).message).toBe(
      'tensor: the data must be all numbers or all booleans, got "2" at [1]',
    );
    expect(refusal(() => tensor(anything([1, null]))).message).toContain("got null at [1]");
    expect(refusal(() => tensor(anything([ones([1])]))).message).toContain("use stack for a list of tensors");
    expect(refusal(() => tensor(anything(new BigInt64Array(1)))).code).toBe("argument");
  });

  it("refuses a shape that the data do not fill", () => {
    expect(refusal(() => tensor([1, 2, 3], { shape: [2, 2] })).message).toBe(
      "tensor: the shape [2, 2] must have as many elements as the data, got 4 and 3",
    );
  });

  it("refuses a shape of 2^40 elements, which leaves everything intact", () => {
    const x = tensor([1, 2, 3]);
    const error = refusal(() => zeros([2 ** 20, 2 ** 20]));
    expect(error.code).toBe("memory");
    expect(error.message).toMatch(/^zeros: /);
    expect(error.message).toContain("[1048576, 1048576]");
    // Not all of what is addressable can be had.
    expect(refusal(() => [zeros([2 ** 29]), zeros([2 ** 29])]).code).toBe("memory");
    expect(x.toArray()).toEqual([1, 2, 3]);
    expect(refusal(() => x.broadcastTo([2 ** 30, 3]).add(1)).code).toBe("memory");
    x.dispose();
  });

  it.each([
    [[-1], "shape"],
    [[1.5], "shape"],
    [[NaN], "shape"],
    ["3", "argument"],
    [[2, "3"], "argument"],
  ] as const)("refuses %j as a shape", (shape, code) => {
    expect(refusal(() => zeros(anything(shape)))).toMatchObject({ code, op: "zeros" });
  });

  it("refuses unknown dtypes and options", () => {
    expect(refusal(() => zeros([1], anything("int8"))).message).toBe(
      'zeros: dtype must be "float32", "float64", "int32" or "bool", got "int8"',
    );
    expect(refusal(() => tensor([1], anything({ type: "float64" }))).message).toBe(
      'tensor: the options are dtype, shape, requiresGrad, got "type"',
    );
    expect(refusal(() => tensor([1], { dtype: "int32", requiresGrad: true })).code).toBe("dtype");
  });

  it("refuses sequences without end", () => {
    expect(refusal(() => w.arange(0, 1, 0)).op).toBe("arange");
    expect(refusal(() => w.arange(Infinity)).op).toBe("arange");
    expect(refusal(() => w.linspace(0, 1, -2)).op).toBe("linspace");
  });
});

describe("tensors that are gone", () => {
  it("names the argument that was disposed", () => {
    const error = refusal(() => {
      const x = ones([2]);
      x.dispose();
      tanh(x);
    });
    expect(error).toMatchObject({ code: "disposed", op: "tanh", message: "tanh: argument 1 was disposed" });
    const second = refusal(() => {
      const x = ones([2]);
      x.dispose();
      ones([2]).add(x);
    });
    expect(second.message).toBe("add: argument 2 was disposed");
  });

  it("says which scope freed a tensor", () => {
    let inside: Tensor | undefined;
    const f = (x: Tensor): Tensor => {
      inside = x.mul(2);
      return inside.sum();
    };
    const escaped = refusal(() => {
      tidy(() => void f(ones([2])));
      return inside?.add(1);
    });
    expect(escaped.message).toBe(
      "add: argument 1 was freed when tidy returned; return it from the function, or keep(it)",
    );
    for (const [name, run] of [
      ["grad", () => grad(f)(ones([2]))],
      ["jvp", () => w.jvp(f, [ones([2])], [ones([2])])],
      ["hessian", () => w.hessian(f)(ones([2]))],
    ] as const) {
      const error = refusal(() => {
        run();
        return inside?.sum();
      });
      expect(error).toMatchObject({
        code: "disposed",
        message: `sum: argument 1 was made inside ${name} and freed when it returned; return it from the function`,
      });
    }
  });

  it.each([
    ["shape", (x: Tensor) => x.shape],
    ["item", (x: Tensor) => x.item()],
    ["toArray", (x: Tensor) => x.toArray()],
    ["data", (x: Tensor) => x.data()],
    ["withData", (x: Tensor) => x.withData((v) => v.length)],
    [
      "backward",
      (x: Tensor) => {
        x.backward();
      },
    ],
    ["grad", (x: Tensor) => x.grad],
    [
      "zeroGrad",
      (x: Tensor) => {
        x.zeroGrad();
      },
    ],
    ["requiresGrad", (x: Tensor) => x.requiresGrad],
    ["assign", (x: Tensor) => x.assign(1)],
  ] as const)("%s of a disposed tensor is an error in its name", (name, use) => {
    const error = refusal(() => {
      const x = tensor(1);
      x.dispose();
      use(x);
    });
    expect(error).toMatchObject({ code: "disposed", message: `${name}: the tensor was disposed` });
  });

  it("does not mind disposing twice, and prints what is gone", () => {
    const x = ones([2]);
    expect(x.isDisposed).toBe(false);
    x.dispose();
    x.dispose();
    expect(x.isDisposed).toBe(true);
    expect(String(x)).toBe("tensor(disposed)");
  });

  it("never takes a new tensor for one that is gone", () => {
    const old = ones([4]);
    old.dispose();
    const others = Array.from({ length: 100 }, () => ones([4]));
    expect(() => old.add(1)).toThrow("argument 1 was disposed");
    others.forEach((t) => {
      t.dispose();
    });
  });
});

it("is an Error with a name, a code and a stack that begins at the user's line", () => {
  const error = refusal(() => tensor([1, 2]).add(tensor([1, 2, 3])));
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("TensorError");
  expect(error.stack).toContain("errors.test.ts");
});

it("covers each dtype in the sentence about dtypes", () => {
  const { message } = refusal(() => zeros([1], anything("float16")));
  for (const dtype of ["float32", "float64", "int32", "bool"] satisfies DType[]) {
    expect(message).toContain(dtype);
    expect(zeros([1], dtype).dtype).toBe(dtype);
  }
});

describe("plain values beside tensors", () => {
  const whole = tensor([1, 2], "int32");
  const truth = tensor([true, false]);
  it.each<[() => unknown, string]>([
    [() => whole.add(0.5), "add: a number beside int32 must be a whole number of 32 bits, got 0.5"],
    [() => whole.add(1e12), "add: a number beside int32 must be a whole number of 32 bits, got 1000000000000"],
    [() => whole.add([0.5, 1]), "add: plain data for int32 must be whole numbers of 32 bits, got 0.5"],
    [() => w.gather([1, 2], [1.5], 0), "gather: plain data for int32 must be whole numbers of 32 bits, got 1.5"],
    [() => truth.equal(2), "equal: a number beside bool must be 0, 1 or a truth value, got 2"],
    [() => w.crossEntropy([[1, 2]], [2]), "crossEntropy: labels must be in [0, 1] along axis 1 of size 2, got 2"],
    [() => w.crossEntropy([[1, 2]], [-1]), "crossEntropy: labels must be in [0, 1] along axis 1 of size 2, got -1"],
  ])("are refused where the dtype cannot hold them: %s", (f, sentence) => {
    expect(refusal(f).message).toContain(sentence);
  });
  it("are taken where it can", () => {
    expect(w.where(true, whole, 3).toArray()).toEqual([1, 2]);
    expect(truth.equal(true).toArray()).toEqual([true, false]);
    expect(w.crossEntropy([[0, 0]], [1]).item()).toBeCloseTo(Math.log(2), 6);
  });
});

describe("nested arrays", () => {
  it("that contain themselves, or are too deep, end in an error", () => {
    const ring: unknown[] = [];
    ring.push(ring);
    expect(refusal(() => tensor(anything(ring))).message).toContain("at most 8 deep");
    expect(refusal(() => w.grad((x: Tensor) => x.sum())(anything(ring))).message).toContain("must not contain itself");
  });
});

describe("options of transformations", () => {
  const f = (x: Tensor): Tensor => x.sum();
  it.each<[() => unknown, string]>([
    [() => w.grad(f, anything({ argNums: [1] })), 'grad: the options are argnums and hasAux, got "argNums"'],
    [() => w.grad(f, anything(null)), "grad: the options must be an object, got null"],
    [() => w.jacobian(f, anything({ mode: "rev" })), 'jacobian: a mode must be "reverse" or "forward", got "rev"'],
    [() => w.jacrev(f, anything({ chunks: 2 })), 'jacrev: the options are argnums and chunk, got "chunks"'],
    [() => w.split(tensor([1, 2]), 2, anything({ axs: 1 })), 'split: the options are axis, got "axs"'],
    [() => w.gradCheck(f, [[1]], { modes: [] }), "gradCheck: modes must name a mode to check"],
    [() => w.gradCheck(f, [[1]], { modes: anything(["rev"]) }), 'gradCheck: a mode must be "reverse" or "forward", got "rev"'],
    [() => w.gradCheck((x: Tensor) => x.greater(0), [[1]]), "gradCheck: the function must return float32 or float64 somewhere, got bool"],
  ])("are refused when they are not known: %s", (f, sentence) => {
    expect(refusal(f).message).toContain(sentence);
  });
});
