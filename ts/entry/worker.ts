// Threads in any host: workers of the web, which Deno and Bun have too, or those of Node.
import { TensorError } from "../errors.js";
import type { Spawn } from "../threads.js";

/** Workers of the web. */
export const webWorker: Spawn = (source, ready, ended) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = () => {
    URL.revokeObjectURL(url);
    ready();
  };
  worker.onerror = ({ message }) => {
    worker.terminate();
    ended(message || "a policy of the page forbids workers from blob: URLs");
  };
  return {
    post: (message) => {
      worker.postMessage(message);
    },
    stop: () => {
      worker.terminate();
    },
  };
};

/** Workers of Node; given its module, since other hosts have none of this name. */
export const nodeWorker =
  (threads: typeof import("node:worker_threads")): Spawn =>
  (source, ready, ended) => {
    // Without the flags of the process: some make the source a module, or load what only the program needs.
    const worker = new threads.Worker(source, { eval: true, execArgv: [] });
    let over = false;
    const end = (reason: string) => {
      if (!over) ended(reason);
      over = true;
    };
    worker.once("message", () => {
      worker.unref(); // the process may end while it waits for work
      ready();
    });
    worker.once("error", (error: unknown) => {
      end(String(error));
    });
    worker.once("exit", (code) => {
      end(`exit code ${code}`);
    });
    return {
      post: (message) => {
        worker.postMessage(message);
      },
      stop: () => {
        over = true;
        void worker.terminate();
      },
    };
  };

/** Workers of whatever host this is. */
export const anyWorker: Spawn = (...args) => {
  if (typeof Worker === "function") return webWorker(...args);
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  if (node !== undefined) return nodeWorker(node)(...args);
  throw new TensorError("argument", "init", "threads need workers, which this host does not have");
};
