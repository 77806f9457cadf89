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

/** What the words stand for that entries of the table share, guards against overflow aside; `$1` is the first argument. */
const words: ReadonlyMap<string, string> = new Map([
  ["squared", "($1)²"],
  ["one_minus_square", "1 - $1 * $1"],
  ["over_length", "$1 / $3"],
  ["per_length", "$1 / ($1 * $1 + $2 * $2)"],
  ["difference", "$1 - $2"],
  ["at_most_zero", "min($1, 0)"],
  ["bounded", "$1"],
  ["indicator", "[$2]"], // Iverson's bracket: 1 where it holds, else 0
  ["share", "[$1 < $2] + [$1 = $2] / 2"],
  ["normal_cdf", "Φ($1)"],
  ["normal_pdf", "φ($1)"],
  ["mish_gate", "tanh(softplus($1))"],
  ["mish_rest", "$1 * sigmoid($1) * (1 - tanh(softplus($1))²)"],
  ["celu_by_alpha", "expm1($1) - $1 * exp($1)"],
]);
const constants: ReadonlyMap<string, string> = new Map([
  ["1.0 / FRAC_2_SQRT_PI", "sqrt(π) / 2"],
  ["FRAC_2_SQRT_PI", "2 / sqrt(π)"],
  ["LN_2", "log(2)"],
  ["LOG2_E", "log2(e)"],
  ["LOG10_E", "log10(e)"],
  ["SELU_LEFT", "1.7580…"],
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
  for (const [name, meaning] of words) text = replaced(text, name, meaning);
  for (const [name, meaning] of constants) text = text.replaceAll(name, meaning);
  return text
    .replaceAll("logistic(", "sigmoid(")
    .replaceAll("signum(", "sign(")
    .replace(/^(-?)\((1 \/ .*)\)$/, "$1$2")
    .replaceAll(/(\d)\.0\b/g, "$1")
    .replaceAll(/(\d\.\d{3})_(\d)[\d_]*/g, "$1$2…")
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

/** The text with the meaning of a word in the place of its calls. */
function replaced(text: string, word: string, meaning: string): string {
  const found = new RegExp(`\\b${word}\\(`).exec(text);
  if (found === null) return text;
  const open = found.index + word.length;
  const close = closing(text, open);
  const args = parts(text.slice(open + 1, close));
  const arg = (k: string): string => args[Number(k) - 1] ?? "";
  const plain = meaning
    .replaceAll(/\(\$(\d)\)/g, (_, k: string) => grouped(arg(k)))
    .replaceAll(/\$(\d)/g, (_, k: string) => arg(k));
  const [before, after] = [text.slice(0, found.index), text.slice(close + 1)];
  // What stands alone, or begins with a bracket, needs no parentheses.
  const alone = /(^|[(,] ?)$/.test(before) && /^($|[),])/.test(after);
  const whole = alone || !/^[^([]* /.test(plain) ? plain : grouped(plain);
  return replaced(before + whole + after, word, meaning);
}

/** In parentheses, unless it is. */
const grouped = (text: string): string =>
  text.startsWith("(") && closing(text, 0) === text.length - 1 ? text : `(${text})`;

/** What stands between the commas of a list of arguments. */
function parts(args: string): string[] {
  const list = [""];
  let depth = 0;
  for (const letter of args) {
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (letter === "," && depth === 0) list.push("");
    else list.push((list.pop() ?? "") + letter);
  }
  return list.map((part) => part.trim());
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
