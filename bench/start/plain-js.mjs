import { backward, mul, sin, variable } from "../peers/plain-js/scalar.mjs";

const x = variable(2);
backward(sin(mul(x, x)));
console.log(x.grad);
