/** The same network trained in plain JavaScript on typed arrays: same weights to start from, same batches, same Adam. */
import { Adam, Mlp } from "../../bench/peers/plain-js/mlp.mjs";

/**
 * @param {import("../../bench/peers/plain-js/mlp.mjs").Weights} weights
 * @param {number} lr
 * @param {number} batch
 * @returns {import("./train.mjs").Learner}
 */
export function plainLearner(weights, lr, batch) {
  const network = new Mlp(weights, Math.max(batch, 500));
  const optimizer = new Adam(network, lr);
  return {
    name: "plain JS",
    step({ images, labels, size }) {
      const loss = network.gradient(images, labels, size);
      optimizer.step();
      return loss;
    },
    logits(images, n) {
      network.forward(images, n);
      return network.logits.subarray(0, n * network.classes);
    },
  };
}
