/** wengert, one operation at a time. */
import { tidy, tree, valueAndGrad } from "wengert";
import { Adam, SGD } from "wengert/optim";
import { network, opsWith } from "./ops.mjs";

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  ...opsWith(
    (f) => f,
    (f) => /** @type {typeof f} */ ((...args) => tidy(() => f(...args))),
  ),

  mlp(params, inputs) {
    const { layers, x, labels, loss, last } = network(params, inputs);
    const { update, lr } = params;
    const lossAndGradients = valueAndGrad(loss);
    const optimizer = { gradient: null, sgd: new SGD(layers, { lr }), adam: new Adam(layers, { lr }) }[update];
    let [value, gradients] = lossAndGradients(layers, x, labels);
    let lossOfStep = 0;
    const call = () => {
      value.dispose();
      tree.leaves(gradients).forEach((g) => g.dispose());
      [value, gradients] = lossAndGradients(layers, x, labels);
      lossOfStep = Number(value.item());
      optimizer?.step(gradients);
    };
    return { call, result: () => [lossOfStep, ...(optimizer === null ? gradients : layers)[last].w.data()] };
  },
};
