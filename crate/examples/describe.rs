//! Prints the description of all operations as JSON: what the TypeScript layer is generated from.

use wengert::call::{Attr, Kind, Spec, specs};
use wengert::elementwise::{Class, Func, Test};
use wengert::error::{camel, json_string};

fn main() {
    let composed = specs().iter().map(|spec| spec.name);
    let hidden: Vec<&str> = composed.collect();
    let mut ops: Vec<String> = Vec::new();
    let mut code = 0;
    for func in Func::ALL {
        let entry = func.entry();
        // A composed operation of the same name chooses among functions of the table.
        if !hidden.contains(&entry.name) {
            let inputs: Vec<String> = entry
                .args
                .iter()
                .map(|(name, default)| match default {
                    Some(default) => format!("{{\"name\":\"{}\",\"default\":{default}}}", camel(name)),
                    None => format!("{{\"name\":\"{}\"}}", camel(name)),
                })
                .collect();
            let dtypes = if entry.class == Class::Float { "float" } else { "number" };
            ops.push(op(
                code,
                entry.name,
                entry.namespace,
                &entry.doc,
                "elementwise",
                &inputs,
                [false, false],
                0,
                &[],
                dtypes,
                &entry.value,
                entry.partials,
                ["", ""],
            ));
        }
        code += 1;
    }
    for test in Test::ALL {
        let (name, doc, args, text) = test.entry();
        let inputs: Vec<String> = args.iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
        ops.push(op(code, name, "", &doc, "elementwise", &inputs, [false, true], 0, &[], "any", &text, &[], ["", ""]));
        code += 1;
    }
    for spec in specs() {
        ops.push(structural(code, spec));
        code += 1;
    }
    println!("{{\"ops\":[\n{}\n]}}", ops.join(",\n"));
}

fn structural(code: usize, spec: &Spec) -> String {
    let variadic = spec.inputs.iter().any(|name| name.starts_with(".."));
    let optional = spec.inputs.iter().filter(|name| name.ends_with('?')).count();
    let input = |given: &&str| {
        let name = given.split(['?', ':', '=']).next().unwrap_or(given);
        let rest = if let Some((_, neutral)) = given.split_once("?=") {
            format!(",\"neutral\":{neutral}")
        } else if let Some((_, default)) = given.split_once('=') {
            format!(",\"default\":{default}")
        } else if let Some((_, dtype)) = given.trim_end_matches('?').split_once(':') {
            format!(",\"dtype\":\"{dtype}\"")
        } else {
            String::new()
        };
        format!("{{\"name\":\"{name}\"{rest}}}")
    };
    let inputs: Vec<String> = spec.inputs.iter().filter(|name| !name.starts_with("..")).map(input).collect();
    let attrs: Vec<String> = spec.attrs.iter().map(attr).collect();
    let (namespace, name) = spec.name.split_once('.').unwrap_or(("", spec.name));
    op(
        code,
        name,
        namespace,
        &spec.doc,
        "structural",
        &inputs,
        [variadic, false],
        optional,
        &attrs,
        spec.dtypes,
        "",
        &[],
        [spec.notes.derivative, spec.notes.cost],
    )
}

fn attr(attr: &Attr) -> String {
    let (kind, choices) = match attr.kind {
        Kind::Int => ("int", None),
        Kind::Float => ("float", None),
        Kind::Bool => ("bool", None),
        Kind::Axis => ("axis", None),
        Kind::Axes => ("axes", None),
        Kind::Shape => ("shape", None),
        Kind::DType => ("dtype", None),
        Kind::Choice(words) => ("choice", Some(words)),
        Kind::Pairs => ("pairs", None),
        Kind::Ints => ("ints", None),
        Kind::Padding => ("padding", None),
        Kind::Contraction => ("contraction", None),
        Kind::Slices => ("slices", None),
        Kind::Text => ("text", None),
    };
    let choices = choices.map_or(String::new(), |words| format!(",\"choices\":{}", list(words)));
    let rest = attr.default.map_or("\"positional\":true".to_string(), |d| format!("\"default\":{}", *d));
    format!("{{\"name\":\"{}\",\"kind\":\"{kind}\",{rest}{choices}}}", attr.name)
}

fn list(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|w| json_string(w)).collect::<Vec<_>>().join(","))
}

#[allow(clippy::too_many_arguments, reason = "one line of a description, written in one place")]
fn op(
    code: usize,
    name: &str,
    namespace: &str,
    doc: &str,
    kind: &str,
    inputs: &[String],
    [variadic, truth]: [bool; 2],
    optional: usize,
    attrs: &[String],
    dtypes: &str,
    value: &str,
    partials: &[&str],
    [derivative, cost]: [&str; 2],
) -> String {
    let namespace = if namespace.is_empty() { "null".to_string() } else { json_string(namespace) };
    format!(
        "{{\"code\":{code},\"name\":{},\"namespace\":{namespace},\"doc\":{},\"kind\":\"{kind}\",\"inputs\":[{}],\
         \"variadic\":{variadic},\"optionalInputs\":{optional},\"attrs\":[{}],\"value\":{},\"partials\":{},\
         \"dtypes\":\"{dtypes}\",\"truth\":{truth},\"derivative\":{},\"cost\":{}}}",
        json_string(&camel(name)),
        json_string(doc.trim()),
        inputs.join(","),
        attrs.join(","),
        json_string(value),
        list(partials),
        json_string(derivative),
        json_string(cost)
    )
}
