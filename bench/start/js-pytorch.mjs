import { torch } from "js-pytorch";

const x = torch.tensor([2], true);
torch.exp(torch.mul(x, x)).backward(); // it has no sine
console.log([x.grad].flat(Infinity)[0]);
