// wengert/optim: optimizers over trees of parameters, with the definitions and defaults of PyTorch.
export { Adam, adam, type AdamOptions, type AdamSlot } from "./optim/adam.js";
export { type Functional, Optimizer, type State } from "./optim/optimizer.js";
export { SGD, sgd, type SGDOptions, type SGDSlot } from "./optim/sgd.js";
