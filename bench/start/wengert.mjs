import { grad, sin } from "wengert";

console.log(grad((x) => sin(x.mul(x)))(2).item());
