import { grad, numpy as np } from "@jax-js/jax";

console.log(grad((x) => np.sin(x.ref.mul(x)))(np.array(2)).item());
