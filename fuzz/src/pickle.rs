//! What Fail2Ban answers its helper, and what the engine asks of it.

use campanile::privileged::fail2ban::pickle::{self, DEPTH_MAX, VALUES_MAX, Value};
use campanile::privileged::fail2ban::protocol::{self, Ask, JailName, is_plain};
use campanile::privileged::frame;
use campanile::privileged::helper::Numbered;

use crate::ITERATIONS;

/// How many values, and how deep.
fn extent(of: &Value) -> (usize, usize) {
    let all = |items: &mut dyn Iterator<Item = &Value>| {
        items
            .map(extent)
            .fold((1, 0), |(count, depth), (more, deeper)| (count + more, depth.max(deeper + 1)))
    };
    match of {
        Value::List(items) | Value::Tuple(items) => all(&mut items.iter()),
        Value::Dict(items) => all(&mut items.iter().flat_map(|(key, value)| [key, value])),
        Value::Object(_, arguments) => all(&mut std::iter::once(&**arguments)),
        _ => (1, 0),
    }
}

#[test]
fn a_pickle_that_is_read_is_within_its_bounds() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(2048).for_each(|bytes: &[u8]| {
        for bytes in [bytes, &[b"\x80\x05", bytes, b"."].concat()] {
            if let Ok(value) = pickle::read(bytes) {
                let (count, depth) = extent(&value);
                assert!(count <= VALUES_MAX && depth <= DEPTH_MAX, "{count} {depth}");
            }
        }
    });
}

/// Bytes as instructions that often fit together, so that more than the first is reached.
#[test]
fn instructions_in_any_order() {
    const PARTS: [&[u8]; 40] = [
        b"(",
        b"]",
        b")",
        b"}",
        b"N",
        b"a",
        b"e",
        b"s",
        b"u",
        b"t",
        b"l",
        b"d",
        b"0",
        b"1",
        b"2",
        b"K\x01",
        b"M\x01\x02",
        b"J\xff\xff\xff\xff",
        b"\x8a\x01\xff",
        b"I7\n",
        b"L7L\n",
        b"Va\\u00e9\n",
        b"X\x01\0\0\0a",
        b"\x8c\x01b",
        b"C\x01c",
        b"\x85",
        b"\x86",
        b"\x87",
        b"q\0",
        b"h\0",
        b"q\x01",
        b"h\x01",
        b"\x94",
        b"g1\n",
        b"p1\n",
        b"ca\nb\n",
        b"\x93",
        b"R",
        b"b",
        b"\x81",
    ];
    bolero::check!().with_iterations(ITERATIONS).with_max_len(512).for_each(|bytes: &[u8]| {
        let mut program: Vec<u8> = Vec::new();
        for byte in bytes {
            program.extend_from_slice(PARTS[usize::from(*byte) % PARTS.len()]);
        }
        program.push(b'.');
        if let Ok(value) = pickle::read(&program) {
            let (count, depth) = extent(&value);
            assert!(count <= VALUES_MAX && depth <= DEPTH_MAX, "{count} {depth}");
        }
    });
}

#[test]
fn texts_that_are_written_read_back_as_they_were() {
    bolero::check!().with_iterations(ITERATIONS).with_type().for_each(|words: &Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let expected = words.iter().map(|word| Value::Text((*word).into())).collect();
        assert_eq!(pickle::read(&pickle::write(&words)), Ok(Value::List(expected)));
    });
}

#[test]
fn a_question_of_the_engine_is_one_or_an_error() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(512).for_each(|bytes: &[u8]| {
        let _ = frame::parse::<Numbered<Ask>>(bytes);
        let text = String::from_utf8_lossy(bytes);
        if let Some(address) = protocol::address(&text) {
            assert_eq!(protocol::address(&address.to_string()), Some(address));
            assert!(text.bytes().all(|it| it.is_ascii_hexdigit() || b".:".contains(&it)), "{text}");
        }
        if let Some(jail) = JailName::parse(&text) {
            assert!(is_plain(jail.as_str()) && !jail.as_str().contains([' ', ':']), "{jail}");
        }
    });
}
