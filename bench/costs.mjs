/**
 * What derivatives cost: counts, bytes and ratios of times within wengert, the two of a ratio sampled in turns; and the
 * Jacobian beside plain JavaScript.
 */
import {
  add, checkpoint, crossEntropy, grad, graph, hvp, jacrev, jvp, linear, memory, ones, rand, randn, relu, resetPeak, sum, tanh,
  tensor, tidy, tree, vjp, vmap, zeros,
} from "wengert";
import { jacobian as jacobianByHand } from "./peers/plain-js/derivatives.mjs";
import { sample, summary, warmUp } from "./harness.mjs";

/** @typedef {import("wengert").Tensor} Tensor */
/** @typedef {{ name: string, figure: number, text: string, target: string, reached: boolean }} Cost */

/**
 * Times of several functions, in turns.
 * @param {import("./harness.mjs").Effort} effort
 * @param {(() => void)[]} fs
 */
async function times(effort, ...fs) {
  const calls = [];
  for (const f of fs) calls.push(await warmUp(f, effort));
  const samples = fs.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, f] of fs.entries()) samples[i].push(await sample(f, calls[i]));
  }
  return samples.map((list) => summary(list).best);
}

/** A function whose tensors are freed. @param {() => unknown} f */
const freed = (f) => () => tidy(() => void f());

/** Bytes at the peak of `f`, above what was there. @param {() => unknown} f */
function peakOf(f) {
  return tidy(() => {
    resetPeak();
    const before = memory().bytes;
    f();
    return memory().peak - before;
  });
}

/** Multiply-adds of the matrix products that make `y`. @param {Tensor} y */
function multiplyAdds(y) {
  const { nodes, edges } = graph(y);
  return nodes.reduce((total, { id, op, shape }) => {
    const first = edges.find(({ to, input }) => to === id && input === 0);
    if (op !== "matmul" || first === undefined) return total;
    return total + shape.reduce((a, b) => a * b, nodes[first.from].shape.at(-1) ?? 1);
  }, 0);
}

/** The demo's network on a batch of 64. */
function mlp() {
  const params = {
    w1: randn([128, 784]).mul(0.05), b1: zeros([128]), w2: randn([128, 128]).mul(0.1), b2: zeros([128]), w3: randn([10, 128]).mul(0.1), b3: zeros([10]),
  };
  const x = rand([64, 784]);
  const labels = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10));
  const loss = (/** @type {typeof params} */ p) =>
    crossEntropy(linear(relu(linear(relu(linear(x, p.w1, p.b1)), p.w2, p.b2)), p.w3, p.b3), labels);
  return { params, loss };
}

/** Multiply-adds of the forward pass and of the gradient of a function of a tree. @param {any} loss @param {any} params */
function counts(loss, params) {
  let forward = 0;
  let gradient = 0;
  tidy(() => {
    grad((/** @type {any} */ p) => {
      forward = multiplyAdds(loss(p));
      const all = tree.leaves(grad(loss)(p)).map((g) => sum(g)).reduce((a, b) => add(a, b));
      gradient = multiplyAdds(all);
      return all;
    })(params);
  });
  return { forward, gradient };
}

/**
 * Measures and prints all costs.
 * @param {import("./harness.mjs").Effort} effort
 * @returns {Promise<Cost[]>}
 */
export async function costs(effort) {
  console.log("\nWhat derivatives cost: ratios within wengert unless said otherwise");
  /** @type {Cost[]} */
  const all = [];
  const say = (/** @type {string} */ name, /** @type {number} */ figure, /** @type {"<=" | ">="} */ sign, /** @type {number} */ bound, unit = "x") => {
    const reached = sign === "<=" ? figure <= bound : figure >= bound;
    const text = `${figure.toPrecision(3)} ${unit}`;
    all.push({ name, figure, text, target: `${sign} ${bound}`, reached });
    console.log(`${name.padEnd(66)} ${text.padStart(12)}   ${sign} ${bound}: ${reached ? "reached" : "NOT REACHED"}`);
  };

  const { params, loss } = mlp();
  const { forward, gradient } = counts(loss, params);
  say("gradient of an MLP: multiply-adds by those of the forward pass", gradient / forward, "<=", 2.6);
  const [forwardTime, gradientTime] = await times(effort, freed(() => loss(params)), freed(() => grad(loss)(params)));
  say("gradient of an MLP: time by that of the forward pass", gradientTime / forwardTime, "<=", 3.2);

  const long = ones([100_000]);
  const chain = (/** @type {Tensor} */ x) => {
    let y = x;
    for (let k = 0; k < 2000; k++) y = tanh(y);
    return y;
  };
  say("jvp through 2,000 tanh of 100,000 numbers: peak", peakOf(() => jvp(chain, [long], [long])) / 400_000, "<=", 8, "tensors");

  const v = tree.map((p) => ones(p.shape), params);
  const [hvpTime, again] = await times(effort, freed(() => hvp(loss, [params], [v])), freed(() => grad(loss)(params)));
  say("hvp of an MLP: time by that of the gradient", hvpTime / again, "<=", 4);
  const gaussNewton = () => {
    const [, pullback] = vjp(loss, params);
    const [, tangent] = jvp(loss, [params], [v]);
    pullback(tangent);
    pullback.dispose();
  };
  const [gaussNewtonTime, once] = await times(effort, freed(gaussNewton), freed(() => grad(loss)(params)));
  say("Gauss-Newton product J'J v: time by that of the gradient", gaussNewtonTime / once, "<=", 4);

  const weights = Array.from({ length: 64 }, () => randn([64, 64]).mul(0.1));
  const x = randn([1024, 64]);
  const layers = (/** @type {Tensor} */ x, /** @type {Tensor[]} */ ws) => ws.reduce((x, w) => tanh(linear(x, w)), x);
  const deep = (/** @type {typeof layers} */ block) =>
    grad((/** @type {Tensor[]} */ ws) => {
      let y = x;
      for (let k = 0; k < ws.length; k += 8) y = block(y, ws.slice(k, k + 8));
      return sum(y);
    });
  const [plain, checkpointed] = [deep(layers), deep(checkpoint(layers))];
  say("checkpoint every 8 layers of 64: peak by the plain one", peakOf(() => checkpointed(weights)) / peakOf(() => plain(weights)), "<=", 0.35);
  const [checkpointedTime, plainTime] = await times(effort, freed(() => checkpointed(weights)), freed(() => plain(weights)));
  say("checkpoint every 8 layers of 64: time by the plain one", checkpointedTime / plainTime, "<=", 1.45);

  const [w1, w2] = [randn([64, 64]).mul(0.1), randn([64, 64]).mul(0.1)];
  const at = randn([64]);
  const net = (/** @type {Tensor} */ x) => tanh(linear(tanh(linear(x, w1)), w2));
  const rows = Array.from({ length: 64 }, (_, i) => tensor(Float32Array.from({ length: 64 }, (_, j) => (i === j ? 1 : 0))));
  const byPullbacks = () => {
    const [, pullback] = vjp(net, at);
    rows.forEach((row) => pullback(row));
    pullback.dispose();
  };
  const [a, b, c] = [w1, w2, at].map((x) => /** @type {Float32Array} */ (x.data()));
  const { call: byHand } = jacobianByHand(64, a, b, c);
  const [batchedTime, loopTime, handTime] = await times(effort, freed(() => jacrev(net)(at)), freed(byPullbacks), byHand);
  say("Jacobian 64 -> 64 of two layers: as fast as 64 pullbacks times", loopTime / batchedTime, ">=", 5);
  say("Jacobian 64 -> 64 of two layers: as fast as typed arrays times", handTime / batchedTime, ">=", 1);

  const square = (/** @type {Tensor} */ x) => sum(tanh(linear(x, w1)));
  const unit = tensor(rows.map((row) => [.../** @type {Float32Array} */ (row.data())]));
  const diagonal = () => vmap((/** @type {Tensor} */ e) => sum(hvp(square, [at], [e])[0].mul(e)))(unit);
  const diagonalByLoop = () => rows.forEach((e) => hvp(square, [at], [e]));
  const [diagonalTime, diagonalLoop] = await times(effort, freed(diagonal), freed(diagonalByLoop));
  say("diagonal of a 64 x 64 Hessian by vmap(hvp): as fast as a loop times", diagonalLoop / diagonalTime, ">=", 5);
  return all;
}
