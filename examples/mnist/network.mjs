/** The network, its loss and one learner made of both, with wengert's functional face. */
import { createHash } from "node:crypto";
import { crossEntropy, linear, mean, random, relu, tensor, tidy, tree, unstack, valueAndGrad } from "wengert";
import { Adam } from "wengert/optim";
import { CLASSES, PIXELS } from "./data.mjs";

/** @typedef {import("wengert").Tensor} Tensor */
/** Weights `[out, in]` and biases `[out]`. @typedef {{ w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor }} Params */

/** @param {Params} params @param {Tensor} x [n, 784] */
const hidden = ({ w1, b1 }, x) => relu(linear(x, w1, b1));

/** @param {Params} params @param {Tensor} x [n, 784] */
const logits = (params, x) => linear(hidden(params, x), params.w2, params.b2);

/** @param {Params} params @param {Tensor} x [n, 784] @param {Tensor} labels [n] */
const loss = (params, x, labels) => crossEntropy(logits(params, x), labels);

/**
 * First weights as PyTorch's Linear draws them: uniform between plus and minus 1 / sqrt(inputs).
 * @param {Tensor} key
 * @param {number} units
 * @returns {Params}
 */
export function initialise(key, units) {
  return tidy(() => {
    const [k1, k2, k3, k4] = unstack(random.split(key, 4));
    /** @param {Tensor} key @param {number[]} shape @param {number} inputs */
    const uniform = (key, shape, inputs) => random.uniform(key, shape).sub(0.5).mul(2 / Math.sqrt(inputs));
    return {
      w1: uniform(k1, [units, PIXELS], PIXELS),
      b1: uniform(k2, [units], PIXELS),
      w2: uniform(k3, [CLASSES, units], units),
      b2: uniform(k4, [CLASSES], units),
    };
  });
}

/**
 * Trains the parameters in place.
 * @param {Params} params
 * @param {number} lr
 */
export function wengertLearner(params, lr) {
  const lossAndGradients = valueAndGrad(loss);
  const optimizer = new Adam(params, { lr });
  return {
    name: "wengert",
    /** @param {import("./data.mjs").Digits} batch */
    step: ({ images, labels, size }) =>
      tidy(() => {
        const [value, gradients] = lossAndGradients(params, tensor(images, { shape: [size, PIXELS] }), tensor(labels));
        optimizer.step(gradients);
        return Number(value.item());
      }),
    /** @param {Float32Array} images @param {number} n */
    logits: (images, n) => tidy(() => logits(params, tensor(images, { shape: [n, PIXELS] })).data()),
    /**
     * How strongly each hidden unit responds, on average.
     * @param {import("./data.mjs").Digits} digits
     */
    activity: ({ images, size }) => tidy(() => mean(hidden(params, tensor(images, { shape: [size, PIXELS] })), 0).data()),
  };
}

/**
 * A short name of the exact bits of the parameters.
 * @param {Params} params
 */
export function fingerprint(params) {
  const hash = createHash("sha256");
  for (const leaf of tree.leaves(params)) leaf.withData((view) => hash.update(view));
  return hash.digest("hex").slice(0, 12);
}
