//! Malformed components, made from the text in `tests/hostile/malformed/`: components as they stand,
//! and core modules with the contract's types around them.

use std::fs;
use std::path::PathBuf;

use campanile_tests::site::{project, target};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;

/// The text of a file of the corpus.
pub(super) fn text(file: &str) -> String {
    let path = project().join("tests/hostile/malformed").join(file).with_extension("wat");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Text as WebAssembly.
pub(super) fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The contract as it is.
pub(super) fn contract() -> String {
    fs::read_to_string(project().join("wit/endpoint.wit")).unwrap()
}

/// A component of the kind `malformed`, with `fields` in place of parts of its core module, built
/// against `contract`.
pub(super) fn kind(fields: &str, contract: &str) -> Vec<u8> {
    kind_with(fields, contract, StringEncoding::UTF8)
}

/// The same, where the world also imports the function `call` of `interface`, of another package.
pub(super) fn kind_importing(package: &str, interface: &str, version: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let other = format!("package {package}{version}; interface {interface} {{ call: func(); }}");
    resolve.push_str("other.wit", &other).unwrap();
    let import = format!("{package}/{interface}{version}");
    let world = "world component {\n";
    let contract = contract().replace(world, &format!("{world}import {import};\n"));
    encode(
        resolve,
        &format!("(import \"{import}\" \"call\" (func))"),
        &contract,
        StringEncoding::UTF8,
    )
}

/// The same as `kind`, with strings of another encoding.
pub(super) fn kind_with(fields: &str, contract: &str, strings: StringEncoding) -> Vec<u8> {
    encode(Resolve::default(), fields, contract, strings)
}

fn encode(mut resolve: Resolve, fields: &str, contract: &str, strings: StringEncoding) -> Vec<u8> {
    let package = resolve.push_str("endpoint.wit", contract).unwrap();
    let world = resolve.select_world(&[package], Some("component")).unwrap();
    let (_, version) = contract.split_once("package campanile:endpoint@").unwrap();
    let (version, _) = version.split_once(';').unwrap();
    let mut module = binary(&core_module(fields, version, contract));
    embed_component_metadata(&mut module, &resolve, world, strings).unwrap();
    // Whether it is valid is for the engine to find out.
    let mut encoder = ComponentEncoder::default();
    encoder.validate(false).module(&module).unwrap().encode().unwrap()
}

/// `fields`, and what is missing beside them for a kind that means no harm.
fn core_module(fields: &str, version: &str, contract: &str) -> String {
    let results = "(result i32) unreachable";
    let defaults = [
        ("\"memory\"", "(memory (export \"memory\") 1)".to_owned()),
        (
            "\"cabi_realloc\"",
            format!("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) {results})"),
        ),
        (
            "\"KIND#describe\"",
            "(func (export \"KIND#describe\") (result i32) (i32.const 16))".to_owned(),
        ),
        ("\"KIND#format\"", format!("(func (export \"KIND#format\") (param i32) {results})")),
        ("\"KIND#deliver\"", format!("(func (export \"KIND#deliver\") (param i32) {results})")),
        ("\"KIND#probe\"", format!("(func (export \"KIND#probe\") (param i32 i32 i32) {results})")),
    ];
    let missing = defaults.iter().filter(|(name, _)| {
        let function = name.trim_matches('"').trim_start_matches("KIND#");
        let is_wanted = !name.contains('#') || contract.contains(&format!("    {function}: func("));
        is_wanted && !fields.contains(name)
    });
    // Imports come first; data that comes later replaces what was there.
    let (imports, others): (Vec<_>, Vec<_>) =
        fields.lines().partition(|line| line.starts_with("(import"));
    let mut module = format!("(module\n{}\n", imports.join("\n"));
    missing.for_each(|(_, field)| module.push_str(&format!("{field}\n")));
    module += &text("kind");
    module += &format!("{}\n)", others.join("\n"));
    module.replace("KIND", &format!("campanile:endpoint/kind@{version}"))
}

/// `component`, and a core module within it that is instantiated beside its own.
pub(super) fn with_module(mut component: Vec<u8>, module: &[u8]) -> Vec<u8> {
    let index = count(&component, CORE_MODULE);
    section(&mut component, CORE_MODULE, module);
    // One instance: instantiate, this module, with no arguments.
    let mut instance = vec![1, 0];
    instance.extend(leb(index));
    instance.push(0);
    section(&mut component, CORE_INSTANCE, &instance);
    component
}

/// `component`, and another one within it.
pub(super) fn with_component(mut component: Vec<u8>, inner: &[u8]) -> Vec<u8> {
    section(&mut component, COMPONENT, inner);
    component
}

/// The same, instantiated as often as it is said. It must import nothing.
pub(super) fn with_instances(component: Vec<u8>, inner: &[u8], times: usize) -> Vec<u8> {
    let index = leb(count(&component, COMPONENT));
    let mut component = with_component(component, inner);
    let mut instances = leb(times);
    for _ in 0..times {
        instances.push(0);
        instances.extend(&index);
        instances.push(0);
    }
    section(&mut component, INSTANCE, &instances);
    component
}

/// Machine code of a component, as the engine keeps it for itself.
pub(super) fn machine_code() -> Vec<u8> {
    let files = fs::read_dir(target().join("test-cache")).unwrap().flatten();
    let is_code = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "code");
    let code = files.map(|file| file.path()).find(is_code);
    fs::read(code.expect("an engine that has compiled a component")).unwrap()
}

/// How many sections of this sort a component has at its top.
fn count(component: &[u8], sort: u8) -> usize {
    let (mut at, mut found) = (8, 0);
    while at < component.len() {
        found += usize::from(component[at] == sort);
        at += 1;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = component[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += length;
    }
    found
}

fn section(to: &mut Vec<u8>, sort: u8, content: &[u8]) {
    to.push(sort);
    to.extend(leb(content.len()));
    to.extend(content);
}

/// A number as WebAssembly writes it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}
