// A thread: takes parts of kernels until there are none, looks for more for a while, then sleeps until it is woken. It has
// an instance of the core of its own, with the memory of all and a stack of its own. Not a module: threads.ts starts it
// from its text, in every kind of host.
/* global self */
const port = typeof require === "function" ? require("node:worker_threads").parentPort : self;

/** Times that a thread looks for work before it sleeps, which is some tens of microseconds: waking it takes longer. */
const patience = 20_000;

port.onmessage = ({ data: { module, relaxed, memory, cells, slots, stacks, thread } }) => {
  const imports = { env: { memory } };
  if (relaxed !== null) {
    imports.relaxed = new WebAssembly.Instance(relaxed, { env: { memory } }).exports;
    imports.relaxed.__stack_pointer.value = stacks.relaxed;
  }
  // Of what the core imports besides, parts of kernels call nothing.
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function" || (imports[from] ??= {})[name] !== undefined) continue;
    imports[from][name] = () => {
      throw new Error(`a thread called ${name}`);
    };
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  exports.__stack_pointer.value = stacks.core;
  port.postMessage("ready");
  for (let idle = 0; ; idle++) {
    const left = Atomics.load(cells, slots.left);
    if (left > 0) {
      if (Atomics.compareExchange(cells, slots.left, left, left - 1) !== left) continue;
      try {
        exports.part(left - 1, thread);
      } catch (error) {
        Atomics.store(cells, slots.failed, 1);
        throw error;
      }
      Atomics.add(cells, slots.done, 1);
      idle = 0;
    } else if (idle > patience) {
      Atomics.add(cells, slots.asleep, 1);
      Atomics.wait(cells, slots.left, 0);
      Atomics.sub(cells, slots.asleep, 1);
      idle = 0;
    }
  }
};
