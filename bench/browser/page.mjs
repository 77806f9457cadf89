/** The bench in a browser: the workloads that were asked for, each peer in a worker of its own, results as charts. */
/* global document, Worker */
import { plot } from "../plot.mjs";
import { row } from "../report.mjs";
import { measure } from "../session.mjs";
import { families } from "../workloads/index.mjs";

/** @param {string} path @param {unknown} body */
const post = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body) });

/** @param {string} name @returns {import("../session.mjs").Connection} */
function connect(name) {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module", name });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => ("failure" in data ? reject(new Error(`${name}: ${data.failure}`)) : resolve(data));
        worker.onerror = ({ message }) => reject(new Error(`${name}: ${message ?? "its worker does not start"}`));
        worker.postMessage(request);
      }),
    stop: () => worker.terminate(),
  };
}

const status = /** @type {HTMLElement} */ (document.getElementById("status"));
const charts = /** @type {HTMLElement} */ (document.getElementById("charts"));

try {
  /** @type {import("./serve.mjs").Task} */
  const { names, peers, effort } = await (await fetch("/task")).json();
  for (const family of families) {
    const cases = family.cases.filter(({ name }) => names.includes(name));
    if (cases.length === 0) continue;
    /** @type {import("../report.mjs").Row[]} */
    const rows = [];
    const figure = document.createElement("figure");
    charts.append(figure);
    for (const workload of cases) {
      status.textContent = `${family.title}: ${workload.name}`;
      rows.push(row(await measure(workload, peers, effort, connect), rows));
      await post("/row", { family: family.name, row: rows[rows.length - 1] });
      figure.innerHTML = await plot({ ...family, cases }, rows, peers, navigator.userAgent);
    }
  }
  status.textContent = "Done.";
  await post("/done", { browser: navigator.userAgent, cores: navigator.hardwareConcurrency });
} catch (error) {
  status.textContent = String(error);
  await post("/failed", { message: String(error) });
}
