//! Components that are not what they should be: refused before they can do anything, by name.

use std::fs;
use std::path::Path;

use campanile_tests::site::Site;
use wit_component::StringEncoding;

use super::build::{
    binary, contract, kind, kind_importing, kind_with, machine_code, text, with_component,
    with_instances, with_module,
};
use super::{Attack, Chapter};

/// What stands in the folder as `component.wasm`, and what must be said of it.
struct Row {
    name: &'static str,
    does: &'static str,
    made: Made,
    /// Words of the refusal.
    said: &'static str,
}

enum Made {
    /// The file of that name, as it stands.
    Text,
    /// A kind, with what the file of that name replaces of it.
    Kind,
    /// A kind that means no harm, and beside it the core module in the file of that name.
    Beside,
    /// `foreign-import.wat`, which imports this.
    Import(&'static str),
    By(fn() -> Vec<u8>),
}

use Made::{Beside, By, Import, Kind, Text};

const NOT_GIVEN: &str = "which its world `component` does not give";
const NO_CONTRACT: &str = "does not fit the contract";
const NO_CODE: &str = "does not compile";
const NO_ROOM: &str = "does not fit into a store";
const NO_WASM: &str = "does not compile";

#[rustfmt::skip]
const REFUSED: &[Row] = &[
    // What is no component.
    Row { name: "empty-file", does: "is a file of no bytes", made: By(Vec::new), said: NO_WASM },
    Row { name: "text", does: "is text in place of WebAssembly", made: By(|| text("no-exports").into()), said: NO_WASM },
    Row { name: "core-module", does: "is a core module that poses as a component", made: Text, said: NO_WASM },
    Row { name: "machine-code", does: "is machine code that the engine has made itself, of another component", made: By(machine_code), said: "is machine code, not WebAssembly" },
    Row { name: "machine-code-forged", does: "is machine code with instructions of its own", made: By(forged_code), said: "is machine code, not WebAssembly" },
    Row { name: "truncated", does: "ends in the middle", made: By(truncated), said: NO_WASM },
    Row { name: "header-only", does: "ends after its first eight bytes", made: By(|| b"\0asm\x0d\0\x01\0".into()), said: NO_CONTRACT },
    Row { name: "section-beyond-the-end", does: "names a length of 4 GiB for a part", made: By(|| b"\0asm\x0d\0\x01\0\x04\xff\xff\xff\xff\x0f".into()), said: NO_WASM },
    Row { name: "future-layer", does: "is of a version of the format that is not there yet", made: By(|| b"\0asm\x0d\0\x02\0".into()), said: NO_WASM },
    Row { name: "too-large", does: "is one byte larger than a component may be", made: By(|| vec![0; (32 << 20) + 1]), said: "is larger than 33554432 bytes" },
    // Exports.
    Row { name: "no-exports", does: "exports nothing", made: Text, said: NO_CONTRACT },
    Row { name: "kind-of-one-function", does: "exports the interface with one function, of another type", made: Text, said: NO_CONTRACT },
    Row { name: "no-probe", does: "leaves `probe` out", made: By(|| without("    probe: func(settings: string, scope: scope) -> result<finding, failure>;")), said: NO_CONTRACT },
    Row { name: "field-missing", does: "describes itself by a record with a field less", made: By(|| without("        deliver-ms: u32,")), said: "expected record of 11 fields, found 10" },
    Row { name: "describe-of-another-type", does: "describes itself by a number", made: By(|| changed("describe: func() -> descriptor;", "describe: func() -> u32;")), said: "expected `record` found `u32`" },
    Row { name: "field-renamed", does: "describes itself by a record with a field of another name", made: By(|| changed("        batch-max: u32,", "        xbatch-max: u32,")), said: "expected record field named batch-max" },
    Row { name: "case-added", does: "has a verdict that the engine does not know", made: By(|| changed("uncertain(reason),", "uncertain(reason), root(string),")), said: "expected variant of 7 cases, found 8" },
    Row { name: "contract-older", does: "is built against version 0.8.0 of the contract", made: By(|| version("0.8.0")), said: NO_CONTRACT },
    Row { name: "contract-newer", does: "is built against version 1.0.0 of the contract", made: By(|| version("1.0.0")), said: NO_CONTRACT },
    // Imports.
    Row { name: "import-tcp", does: "imports TCP sockets", made: Import("wasi:sockets/tcp@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-udp", does: "imports UDP sockets", made: Import("wasi:sockets/udp@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-name-lookup", does: "imports the resolver", made: Import("wasi:sockets/ip-name-lookup@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-network", does: "imports the network", made: Import("wasi:sockets/instance-network@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-preopens", does: "imports folders of the machine", made: Import("wasi:filesystem/preopens@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-file-types", does: "imports files", made: Import("wasi:filesystem/types@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-http", does: "imports the HTTP client of WASI", made: Import("wasi:http/outgoing-handler@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-http-types", does: "imports requests and answers of WASI", made: Import("wasi:http/types@0.2.6"), said: NOT_GIVEN },
    Row { name: "import-secrets-of-wasi", does: "imports a configuration with secrets in it", made: Import("wasi:config/store@0.2.0-draft"), said: NOT_GIVEN },
    Row { name: "import-key-value", does: "imports a store that outlives it", made: Import("wasi:keyvalue/store@0.2.0-draft"), said: NOT_GIVEN },
    Row { name: "import-clocks-of-the-future", does: "imports a later version of WASI", made: Import("wasi:clocks/monotonic-clock@0.3.0"), said: NOT_GIVEN },
    Row { name: "import-files-beyond-its-world", does: "imports a door of the contract that is not in its world", made: Import("campanile:endpoint/files@0.9.0"), said: NOT_GIVEN },
    Row { name: "import-unknown-door", does: "imports a door that there is not", made: Import("campanile:endpoint/everything@0.9.0"), said: NOT_GIVEN },
    Row { name: "import-look-alike", does: "imports a door under a name that looks like the contract's", made: Import("campanile:endpoints/http@0.9.0"), said: NOT_GIVEN },
    Row { name: "import-without-version", does: "imports a door of no version", made: By(|| kind_importing("campanile:endpoint", "net", "")), said: NO_CONTRACT },
    Row { name: "import-older-door", does: "imports a door of an older contract", made: By(|| kind_importing("campanile:endpoint", "http", "@0.8.0")), said: NO_CONTRACT },
    Row { name: "import-newer-door", does: "imports a door of a newer contract", made: By(|| kind_importing("campanile:endpoint", "http", "@1.0.0")), said: NO_CONTRACT },
    Row { name: "import-by-a-plain-name", does: "imports an interface that has no package", made: Import("env"), said: NOT_GIVEN },
    Row { name: "import-by-address", does: "imports what is to be fetched from an address", made: Text, said: NOT_GIVEN },
    Row { name: "import-of-a-function", does: "imports a function that belongs to no interface", made: Text, said: "imports `run (not an interface)`" },
    Row { name: "import-of-a-module", does: "imports a core module", made: Text, said: "imports `code (not an interface)`" },
    Row { name: "import-of-a-component", does: "imports a component", made: Text, said: NO_CODE },
    Row { name: "import-under-our-name", does: "imports a function of its own wishes under the name of a door", made: Text, said: NO_CONTRACT },
    Row { name: "nested-import-passed-on", does: "asks for sockets only to hand them to a component within it", made: Text, said: "imports `wasi:sockets/tcp@0.2.6`" },
    // The start.
    Row { name: "start-loops", does: "computes for ever before it is asked anything", made: Kind, said: "used up the CPU" },
    Row { name: "start-traps", does: "traps before it is asked anything", made: Kind, said: "trapped" },
    Row { name: "start-recurses", does: "calls itself for ever before it is asked anything", made: Kind, said: "ran out of stack" },
    Row { name: "start-allocates", does: "grows its memory for ever before it is asked anything", made: Kind, said: "used up the CPU" },
    Row { name: "start-fills-memory", does: "writes 13 MB by one instruction, for ever", made: Kind, said: "used up the CPU" },
    // `describe`.
    Row { name: "describe-loops", does: "computes for ever when it is asked who it is", made: Kind, said: "used up the CPU" },
    Row { name: "describe-traps", does: "traps when it is asked who it is", made: Kind, said: "trapped" },
    Row { name: "describe-recurses", does: "calls itself for ever", made: Kind, said: "ran out of stack" },
    Row { name: "describe-logs-for-ever", does: "calls the engine for ever", made: Kind, said: "called the host more often" },
    Row { name: "describe-logs-beyond-memory", does: "hands the engine a line of 2 GiB that is not there", made: Kind, said: "trapped" },
    Row { name: "describe-logs-no-level", does: "hands the engine a value outside of its type", made: Kind, said: "trapped" },
    Row { name: "describe-1gib", does: "returns 1 GiB that lies in one mebibyte of its memory", made: Kind, said: "more data at once" },
    Row { name: "describe-endless-list", does: "returns a list of four milliard pairs", made: Kind, said: "trapped" },
    Row { name: "describe-beyond-memory", does: "returns a string that ends beyond its memory", made: Kind, said: "trapped" },
    Row { name: "describe-nowhere", does: "returns what lies beyond its memory", made: Kind, said: "trapped" },
    Row { name: "describe-unaligned", does: "returns what cannot lie where it says", made: Kind, said: "trapped" },
    Row { name: "describe-not-utf8", does: "returns a name that is not UTF-8", made: Kind, said: "trapped" },
    Row { name: "describe-half-a-character", does: "returns a name in UTF-16 that ends in the middle of a character", made: By(half_a_character), said: "trapped" },
    Row { name: "describe-lies-about-its-name", does: "says that it is another kind", made: Kind, said: "name: says `webhook`; expected `malformed`" },
    Row { name: "describe-draws-on-the-terminal", does: "has a terminal's escapes and a line's end in its name", made: Kind, said: "name: says" },
    Row { name: "schema-no-json", does: "describes its settings by what is not JSON", made: Kind, said: "expected a JSON Schema" },
    Row { name: "schema-1mib", does: "describes its settings by a mebibyte", made: Kind, said: "more than its bounds" },
    Row { name: "schema-of-a-file", does: "describes its settings by what stands in a file of the machine", made: Kind, said: "to be a JSON Schema" },
    Row { name: "schema-of-a-server", does: "describes its settings by what a server within says", made: Kind, said: "to be a JSON Schema" },
    Row { name: "schema-of-itself", does: "is a schema that is itself, without end", made: By(|| described(r##"{"$ref":"#"}"##)), said: "to be a JSON Schema" },
    Row { name: "schema-that-branches", does: "checks in two ways each level of what it is given, so that 30 levels take for ever", made: By(|| described(r##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"additionalProperties":{"$ref":"#/$defs/a"}},{"additionalProperties":{"$ref":"#/$defs/a"}}],"minProperties":1}}}"##)), said: "`$ref` and its like are not taken" },
    Row { name: "schema-too-deep", does: "nests its schema 1,000 deep", made: By(|| described(&format!("{}true{}", r#"{"not":"#.repeat(1_000), "}".repeat(1_000)))), said: "expected a JSON Schema" },
    Row { name: "pattern-that-backtracks", does: "checks by a pattern that takes twice as long for each letter", made: By(|| described(r#"{"properties":{"a":{"pattern":"^(?=(a+)+$)\\1b"}}}"#)), said: "to be a JSON Schema" },
    Row { name: "pattern-that-grows", does: "checks by a pattern that is large only once it is compiled", made: By(|| described(r#"{"properties":{"a":{"pattern":"^((a{1,99}b){1,99}c){1,99}$"}}}"#)), said: "to be a JSON Schema" },
    // Bombs.
    Row { name: "memory-of-4gib", does: "begins with 4 GiB of memory", made: Kind, said: NO_ROOM },
    Row { name: "memory-beyond-the-budget", does: "begins with a page more than a store may have", made: Kind, said: NO_ROOM },
    Row { name: "memory-of-64-bit", does: "has memory of 64-bit addresses", made: Beside, said: NO_CODE },
    Row { name: "memory-shared", does: "has memory that threads share", made: Beside, said: NO_CODE },
    Row { name: "two-memories", does: "has a second memory in its module", made: Beside, said: NO_ROOM },
    Row { name: "memory-once-more", does: "has a second module with as much memory as a store may have", made: Beside, said: "more memory" },
    Row { name: "memory-grows-at-once", does: "asks for 4 GiB again and again", made: Kind, said: "used up the CPU" },
    Row { name: "table-of-10-million", does: "begins with a table of ten million elements", made: Kind, said: NO_ROOM },
    Row { name: "table-grows", does: "grows a table for ever", made: Kind, said: "used up the CPU" },
    Row { name: "hundred-tables", does: "has a hundred tables", made: By(|| beside(&format!("(module {})", "(table 1 funcref)".repeat(100)))), said: NO_ROOM },
    Row { name: "hundred-modules", does: "has a hundred modules, each with a memory", made: By(hundred_modules), said: NO_ROOM },
    Row { name: "doubling-instances", does: "has components within it, each of which is two of the next: 65,536 at the end", made: By(|| doubling(16)), said: NO_ROOM },
    Row { name: "many-locals", does: "has a function of 50,001 local values", made: By(many_locals), said: NO_CODE },
];

/// What looks like an attack, and leads nowhere.
#[rustfmt::skip]
const TAKEN: &[Row] = &[
    Row { name: "nested-import-unseen", does: "holds a component that asks for sockets, and never runs it", made: By(|| with_component(kind("", &contract()), &binary(&text("nested-import-unseen")))), said: "" },
    Row { name: "deep-nesting", does: "has components within it, 2,000 deep", made: By(|| nested(2_000)), said: "" },
    Row { name: "deep-blocks", does: "has a function of 100,000 blocks, each within the one before", made: By(deep_blocks), said: "" },
    Row { name: "contract-patched", does: "is built against version 0.9.1 of the contract, whose types are the same", made: By(|| version("0.9.1")), said: "" },
];

pub(super) fn chapter() -> Chapter {
    Chapter {
        title: "Malformed components",
        about: "What is found in the components folder, and is not what it should be. The engine says so by name,\nand the component is `broken`: nothing can be approved. The others work.\n",
        tested: ("hostile/malformed.rs", "every_malformed_component_is_refused_by_name"),
        attacks: REFUSED.iter().map(Row::attack).collect(),
    }
}

pub(super) fn taken() -> Chapter {
    Chapter {
        title: "Components that only look malformed",
        about: "What can do no harm is taken.\n",
        tested: ("hostile/malformed.rs", "what_only_looks_malformed_is_taken"),
        attacks: TAKEN.iter().map(Row::attack).collect(),
    }
}

impl Row {
    fn attack(&self) -> Attack {
        let outcome = match self.said {
            "" => "taken; it has nothing that it was not given".to_owned(),
            said => format!("refused: {said}"),
        };
        Attack { name: self.name.to_owned(), does: self.does.to_owned(), outcome }
    }

    fn wasm(&self) -> Vec<u8> {
        match self.made {
            Text => binary(&text(self.name)),
            Kind => kind(&text(self.name), &contract()),
            Beside => beside(&text(self.name)),
            Import(name) => binary(&text("foreign-import").replace("IMPORT", name)),
            By(make) => make(),
        }
    }
}

#[tokio::test]
async fn every_malformed_component_is_refused_by_name() {
    let site = Site::new().await;
    let mut wrong = Vec::new();
    for row in REFUSED {
        let said = refusal(&site, &row.wasm()).await;
        match said {
            Some(said) if said.contains("malformed") && said.contains(row.said) => {}
            said => wrong.push(format!("{}: {said:?}, expected {:?}", row.name, row.said)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_only_looks_malformed_is_taken() {
    let site = Site::new().await;
    for row in TAKEN {
        let said = refusal(&site, &row.wasm()).await;
        assert_eq!(said, None, "{}", row.name);
    }
}

/// A kind that describes its endpoint's settings so.
fn described(schema: &str) -> Vec<u8> {
    let text: String = schema.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length: String = u32::try_from(schema.len())
        .unwrap()
        .to_le_bytes()
        .map(|byte| format!("\\{byte:02x}"))
        .concat();
    let fields = format!(
        r#"(data (i32.const 4096) "{text}") (data (i32.const 40) "\00\10\00\00" "{length}")"#
    );
    kind(&fields, &contract())
}

/// Puts a component into the folder `malformed` of a site and starts the engine: what it says of
/// it, or nothing where it takes it. How a component is refused is known here alone.
async fn refusal(site: &Site, wasm: &[u8]) -> Option<String> {
    put(&site.components().join("malformed"), wasm);
    let engine = site.start_as_it_was().await;
    let found = engine.get("/v1/components/malformed").await.json();
    let other = engine.get("/v1/components/webhook").await.json();
    assert_eq!(other["state"], "built-in", "it takes another one down: {found}");
    // Nothing of what a component says reaches the operator's terminal as it is.
    let (said, log) = (found["problem"].as_str().map(str::to_owned), site.log());
    for text in [&log, said.as_ref().unwrap_or(&log)] {
        assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{7}'), "{text:?}");
    }
    assert_eq!(found["state"], if said.is_some() { "broken" } else { "waiting" }, "{found}");
    engine.kill().await;
    said
}

fn put(folder: &Path, wasm: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("component.toml"), "name = 'malformed'\nworld = 'component'\n").unwrap();
    fs::write(folder.join("component.wasm"), wasm).unwrap();
}

/// A kind that means no harm, and a core module beside it.
fn beside(module: &str) -> Vec<u8> {
    with_module(kind("", &contract()), &binary(module))
}

fn truncated() -> Vec<u8> {
    let mut whole = kind("", &contract());
    whole.truncate(whole.len() / 2);
    whole
}

/// Machine code in which a quarter was overwritten.
fn forged_code() -> Vec<u8> {
    let mut code = machine_code();
    let quarter = code.len() / 4;
    code[quarter..quarter * 2].fill(0xcc);
    code
}

fn without(line: &str) -> Vec<u8> {
    changed(line, "")
}

/// A kind built against a contract in which `line` was replaced.
fn changed(line: &str, by: &str) -> Vec<u8> {
    let contract = contract();
    assert!(contract.contains(line), "{line:?} is not in the contract");
    kind("", &contract.replace(line, by))
}

fn version(number: &str) -> Vec<u8> {
    kind("", &contract().replace("endpoint@0.9.0", &format!("endpoint@{number}")))
}

/// The first half of a pair, alone.
fn half_a_character() -> Vec<u8> {
    let fields = r#"(data (i32.const 1024) "\3d\d8") (data (i32.const 20) "\01\00\00\00")"#;
    kind_with(fields, &contract(), StringEncoding::UTF16)
}

fn hundred_modules() -> Vec<u8> {
    let module = binary("(module (memory 1))");
    (0..100).fold(kind("", &contract()), |component, _| with_module(component, &module))
}

fn doubling(levels: usize) -> Vec<u8> {
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let leaf = with_module(empty.clone(), &binary("(module)"));
    let inner = (0..levels).fold(leaf, |inner, _| with_instances(empty.clone(), &inner, 2));
    with_instances(kind("", &contract()), &inner, 1)
}

fn nested(levels: usize) -> Vec<u8> {
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let inner = (0..levels).fold(empty.clone(), |inner, _| with_component(empty.clone(), &inner));
    with_component(kind("", &contract()), &inner)
}

fn deep_blocks() -> Vec<u8> {
    let mut body = "block\n".repeat(100_000);
    body += &"end\n".repeat(100_000);
    beside(&format!("(module (func {body}))"))
}

fn many_locals() -> Vec<u8> {
    beside(&format!("(module (func (local {})))", "i64 ".repeat(50_001)))
}
