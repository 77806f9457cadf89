/** Peers in processes of their own, for Node. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("peer-process.mjs", import.meta.url));

/** @param {string} name @returns {import("./session.mjs").Connection} */
export function connect(name) {
  // What a peer prints is its own affair.
  const child = fork(program, [name], { serialization: "advanced", stdio: ["ignore", "ignore", "ignore", "ipc"] });
  /** The next reply; rejects when the peer failed or its process ended. */
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (/** @type {number | null} */ code) => reject(new Error(`${name}: its process ended with ${code}`));
      child.once("exit", ended);
      child.once("message", (/** @type {any} */ reply) => {
        child.off("exit", ended);
        if ("failure" in reply) reject(new Error(`${name}: ${reply.failure}`));
        else resolve(reply);
      });
    });
  return {
    ask(request) {
      if (!child.connected) return Promise.reject(new Error(`${name}: its process has ended`));
      const reply = next();
      child.send(request);
      return reply;
    },
    stop: () => void child.kill(),
  };
}
