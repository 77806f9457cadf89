/** The worker of one peer, whose name is the worker's. */
/* global self */
import { host } from "../host.mjs";

const answer = host(self.name);
self.addEventListener("message", async ({ data }) => self.postMessage(await answer(data)));
