// What happens where memory is full to the last byte: everything is refused or done, and nothing stops. In a file of its own, with a
// core whose memory may grow to 128 MiB only: it is full sooner.
import { expect, it } from "vitest";
import type { Tensor } from "wengert";
import { stubModule } from "./webassembly.js";

const pages = 2048;

/** The module with a memory of at most so many pages; its memory section is `5, length, 1, flags, pages`. */
function limited(source: BufferSource): Uint8Array<ArrayBuffer> {
  const from = new Uint8Array(ArrayBuffer.isView(source) ? source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength) : source);
  const number = (at: number): [value: number, next: number] => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = from[at++] ?? 0;
      value |= (byte & 127) << shift;
      if (byte < 128) return [value, at];
    }
  };
  for (let at = 8; at < from.length; ) {
    const [length, start] = number(at + 1);
    if (from[at] === 5) {
      expect([from[start], from[start + 1]]).toEqual([1, 0]);
      const least = from.subarray(start + 2, start + length);
      const section = [5, least.length + 4, 1, 1, ...least, (pages & 127) | 128, pages >> 7];
      return Uint8Array.from([...from.subarray(0, at), ...section, ...from.subarray(start + length)]);
    }
    at = start + length;
  }
  throw new Error("no memory");
}

stubModule((bytes, Module) => new Module(bytes.byteLength > 500_000 ? limited(bytes) : bytes));
const w = await import("wengert");
const { compile, grad, hessian, memory, random, tensor, zeros } = w;

/** Tensors that fill the memory but for what smaller ones take. */
function fill(smallest: number): Tensor[] {
  const all: Tensor[] = [];
  for (let size = 1 << 24; size >= smallest; size >>= 1) {
    try {
      for (;;) all.push(zeros([size]));
    } catch (error) {
      expect(error).toMatchObject({ code: "memory" });
    }
  }
  return all;
}

it("refuses what needs memory, and goes on", () => {
  const x = random.normal(random.key(1), [1 << 13]);
  const f = (x: Tensor): Tensor[] => {
    const a = x.sin().mul(2);
    return [a.exp().add(x), a.cos().mul(x), a.tanh().sub(x)];
  };
  const plan = compile(f);
  plan(x).forEach((y) => { y.dispose(); });
  const before = memory();
  const one = tensor(1, { dtype: "bool" });
  const all = fill(2);
  expect(memory().bytes).toBeGreaterThan(0.9 * 2 ** 16 * pages);
  const full = memory();
  // The plan is at work for so long that it would have loops generated; others are new each time.
  const attempts: (() => unknown)[] = [
    () => plan(x),
    () => compile((x: Tensor) => x.add(Math.random()).sin().mul(x).sum())(x),
    () => grad((x: Tensor) => x.sin().mul(x).sum())(x),
    () => hessian((x: Tensor) => x.sin().mul(x).sum())(tensor([1, 2, 3])),
    () => x.add(1),
    () => x.matmul(x),
    () => one.logicalNot().logicalAnd(one),
    () => String(plan.plans[0]),
    () => x.add([1, 2, 3]),
  ];
  let refused = 0;
  for (let k = 0; k < 40; k++) {
    for (const attempt of attempts) {
      w.tidy(() => {
        try {
          attempt();
        } catch (error) {
          expect(error).toBeInstanceOf(w.TensorError);
          refused += 1;
        }
      });
    }
  }
  expect(refused).toBeGreaterThan(100);
  expect(memory()).toMatchObject({ tensors: full.tensors, bytes: full.bytes });
  all.splice(0, 1).forEach((y) => { y.dispose(); });
  expect(w.tidy(() => plan(x).map((y) => Array.from(y.data())))).toEqual(w.tidy(() => f(x).map((y) => Array.from(y.data()))));
  [one, ...all].forEach((y) => { y.dispose(); });
  expect(memory()).toMatchObject({ tensors: before.tensors });
});

it("makes room for its own lists where nobody needs the memory for tensors", () => {
  const x = zeros([3]);
  const cache = fill(16);
  const few: Tensor[] = [];
  // Where one is refused, a large one goes.
  const make = (f: () => Tensor): void => {
    try {
      few.push(f());
    } catch (error) {
      expect(error).toMatchObject({ name: "TensorError", code: "memory" });
      cache.pop()?.dispose();
    }
  };
  while (cache.length > 0) make(() => zeros([1]));
  few.splice(0).forEach((y) => { y.dispose(); });
  for (let k = 0; k < 20000; k++) make(() => x.add(1));
  expect(few.length).toBe(20000);
  expect(few.at(-1)?.toArray()).toEqual([1, 1, 1]);
  [x, ...few].forEach((y) => { y.dispose(); });
});

it("frees and plans where there is no memory for the lists of that", () => {
  const x = tensor([1, 2, 3]);
  const small = Array.from({ length: 20_000 }, () => zeros([1]));
  const rest = fill(1);
  small.forEach((y) => { y.dispose(); });
  const chain = (x: Tensor): Tensor => {
    for (let k = 0; k < 1500; k++) x = x.sin();
    return x.sum();
  };
  const attempts = [() => grad(chain)(x), () => compile((x: Tensor) => chain(chain(x)))(x), () => w.concat(Array.from({ length: 8000 }, () => x))];
  for (const attempt of attempts) {
    for (let k = 0; k < 10; k++) {
      w.tidy(() => {
        try {
          attempt();
        } catch (error) {
          expect(error).toMatchObject({ name: "TensorError", code: "memory" });
        }
      });
    }
  }
  rest.forEach((y) => { y.dispose(); });
  expect(Number(chain(tensor([1])).item())).toBeCloseTo(0.0447, 3);
});

it("gives back gradients and what is donated where there is no room for another tensor", () => {
  const p = tensor([1, 2, 3]);
  p.requiresGrad = true;
  p.mul(p).sum().backward();
  const twice = compile((x: Tensor) => x.mul(2), { donate: [0] });
  const [first, second] = [tensor([1, 2]), tensor([3, 4])];
  twice(first).dispose();
  const rest = fill(1);
  const small: Tensor[] = [];
  rest.splice(0, 1).forEach((y) => { y.dispose(); });
  const use = () => {
    expect(() => {
      for (;;) small.push(zeros([1]));
    }).toThrow(/the tape could not grow/);
    return memory();
  };
  const { bytes } = use();
  p.zeroGrad();
  expect(memory().bytes).toBe(bytes - 12);
  expect(p.grad).toBe(null);
  const before = use();
  expect(() => twice(second)).toThrow(/the tape could not grow/);
  expect(memory()).toMatchObject({ tensors: before.tensors - 1, bytes: before.bytes - 8 });
  [p, ...rest, ...small].forEach((y) => { y.dispose(); });
});
