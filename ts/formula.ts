// The derivatives in the core's table, which are written in Rust, as people write them: `y.one() - y * y` is `1 - y *
// y`.

const infix: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["le", "<="],
  ["gt", ">"],
  ["ge", ">="],
  ["eq", "="],
  ["ne", "≠"],
]);
const functions: ReadonlyMap<string, string> = new Map([
  ["ln", "log"],
  ["is_nan", "isnan"],
]);

/** An expression of the table as mathematics in one line. */
export function readable(rust: string): string {
  let text = rust.replaceAll(/\s+/g, " ").replaceAll("std::f64::consts::", "").replaceAll("R::select", "where");
  for (;;) {
    const method = /\.([a-z_]\w*)\(/.exec(text);
    if (method === null) break;
    const [whole, name = ""] = method;
    const open = method.index + whole.length - 1;
    const close = closing(text, open);
    const from = receiverStart(text, method.index);
    const plain = call(name, text.slice(from, method.index), text.slice(open + 1, close));
    text = text.slice(0, from) + plain + text.slice(close + 1);
  }
  return text
    .replaceAll(/\bindicator\(\w+, ([^()]*)\)/g, "[$1]") // Iverson's bracket: 1 where it holds, else 0
    .replaceAll("logistic(", "sigmoid(")
    .replaceAll("signum(", "sign(")
    .replace(/^(-?)\((1 \/ .*)\)$/, "$1$2")
    .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A method call as a function or operator. */
function call(name: string, receiver: string, args: string): string {
  const bare =
    receiver.startsWith("(") && closing(receiver, 0) === receiver.length - 1 ? receiver.slice(1, -1) : receiver;
  if (name === "one") return "1";
  if (name === "zero") return "0";
  if (name === "lit") return args;
  if (name === "recip") return `(1 / ${receiver})`;
  const operator = infix.get(name);
  if (operator !== undefined) return `${receiver} ${operator} ${args}`;
  return `${functions.get(name) ?? name}(${args === "" ? bare : `${bare}, ${args}`})`;
}

/** Where what stands before the dot at `dot` begins: a name, or parentheses with the name of a function before them. */
function receiverStart(text: string, dot: number): number {
  let start = dot;
  if (text[start - 1] === ")") {
    for (let depth = 0; start > 0;) {
      start -= 1;
      if (text[start] === ")") depth += 1;
      if (text[start] === "(" && --depth === 0) break;
    }
  }
  while (start > 0 && /\w/.test(text[start - 1] ?? "")) start -= 1;
  return start;
}

/** The place of the parenthesis that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth += 1;
    if (text[i] === ")" && --depth === 0) return i;
  }
  return text.length;
}
