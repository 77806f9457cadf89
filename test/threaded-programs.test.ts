// Random programs on a core with threads, in a file of its own, because a process has one core.
import { expect, it } from "vitest";
import { init } from "wengert";

it("random programs have right derivatives on two threads", async () => {
  expect(await init({ threads: 2 })).toEqual({ threads: 2, relaxed: false });
  const { search } = await import("./programs/search.js");
  const { failure } = search(200, 11);
  expect(failure, failure ?? "").toBeNull();
});
