// wengert/graph: pictures of graphs.
import { type Graph, toDot } from "./dot.js";
import { TensorError } from "./errors.js";

export { type Graph, graph, type GraphEdge, type GraphNode, toDot } from "./dot.js";

/** A picture of a graph (see `toDot`) as SVG, laid out by Graphviz: needs the package @viz-js/viz beside wengert. */
export async function toSvg(g: Graph): Promise<string> {
  const dot = toDot(g);
  const { instance } = await import("@viz-js/viz").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const sentence = `the package @viz-js/viz must be installed beside wengert for the layout (npm install @viz-js/viz), got: ${reason}`;
    throw new TensorError("argument", "toSvg", sentence);
  });
  const viz = await instance();
  return viz.renderString(dot, { format: "svg", engine: "dot" });
}
