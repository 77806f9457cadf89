/** The bar of long work in a terminal: one line, which is gone when the work is done. */
import { SingleBar } from "cli-progress";

/** @param {string} format what the line says, in the words of cli-progress */
export const progressBar = (format) =>
  new SingleBar({ format, barCompleteChar: "█", barIncompleteChar: "░", barsize: 32, hideCursor: true, clearOnComplete: true, fps: 20 });
