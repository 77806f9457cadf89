/** wengert with everything inside `compile`: a training step is one plan, whose parameters stay where they are. */
import { compile, valueAndGrad } from "wengert";
import { adam, sgd } from "wengert/optim";
import { network, opsWith } from "./ops.mjs";

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  ...opsWith(
    (f) => /** @type {any} */ (compile(f)),
    (f) => /** @type {any} */ (compile(f)),
  ),

  mlp(params, inputs) {
    const { layers, x, labels, loss, last } = network(params, inputs);
    const { update, lr } = params;
    const lossAndGradients = valueAndGrad(loss);
    const result = (/** @type {import("wengert").Tensor} */ value, /** @type {typeof layers} */ all) => [Number(value.item()), ...all[last].w.data()];
    if (update === "gradient") {
      /** @type {any} */
      const gradient = compile(lossAndGradients);
      let [value, gradients] = gradient(layers, x, labels);
      const call = () => {
        value.dispose();
        for (const { w, b } of gradients) [w, b].forEach((g) => g.dispose());
        [value, gradients] = gradient(layers, x, labels);
        value.item();
      };
      return { call, result: () => result(value, gradients) };
    }
    const optimizer = { sgd: sgd({ lr }), adam: adam({ lr }) }[update];
    /** @type {any} */
    const step = compile(
      (/** @type {any} */ layers, /** @type {any} */ state, /** @type {any} */ x, /** @type {any} */ labels) => {
        const [value, gradients] = lossAndGradients(layers, x, labels);
        return [value, ...optimizer.update(gradients, state, layers)];
      },
      { donate: [0, 1] },
    );
    let [weights, state] = [layers, optimizer.init(layers)];
    /** @type {any} */
    let value = null;
    const call = () => {
      value?.dispose();
      [value, weights, state] = step(weights, state, x, labels);
      value.item();
    };
    return { call, result: () => result(value, weights) };
  },
};
