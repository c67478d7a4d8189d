//! What can be done by calling and computing.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use campanile_guest::{http, log, net, secrets};

use super::MIB;
use crate::behave;
use crate::settings::{Attack, Settings};

/// Does it, and reports what came of it if there is an after.
pub(super) fn act(attack: Attack, settings: &Settings) -> String {
    match attack {
        Attack::Loop => spin(),
        Attack::LoopWithLog => loop {
            log::write(log::Level::Info, "again");
        },
        Attack::LoopWithHttp => loop {
            drop(http::send(&behave::post(&settings.url, b"{}".into())));
        },
        Attack::Sleep => {
            std::thread::sleep(Duration::from_secs(3600));
            "slept".into()
        }
        Attack::Allocate => allocate(),
        Attack::Recurse => recurse(1).to_string(),
        Attack::RecurseInMemory => recurse_in_memory(1).to_string(),
        Attack::Open10000Handles => open_handles(10_000),
        Attack::LogBytes => {
            let line = "x".repeat(MIB);
            (0..1024).for_each(|_| log::write(log::Level::Info, &line));
            "logged 1 GiB".into()
        }
        Attack::LogLines => {
            (0..1_000_000).for_each(|_| log::write(log::Level::Info, "a line"));
            "logged 1000000 lines".into()
        }
        Attack::LogControls => {
            log::write(
                log::Level::Error,
                "\u{1b}[2J\u{1b}]0;owned\u{7}\r\nforged\0\u{9b}31m\u{202e}",
            );
            "logged".into()
        }
        Attack::StdoutFlood => flood(std::io::stdout().lock()),
        Attack::StderrFlood => flood(std::io::stderr().lock()),
        Attack::Trap => std::process::abort(),
        Attack::Panic => panic!("this component panics when told to"),
        Attack::Exit => std::process::exit(0),
        Attack::OtherOrigin => send_to(&settings.target),
        Attack::Smuggle => smuggle(&settings.url),
        Attack::SecretsCall => ask_for_secrets(),
        Attack::NetCall => {
            let dialed = net::dial(&settings.target).map(|_| "a connection");
            format!("{dialed:?} {:?}", net::send_datagram(&settings.target, b"hello"))
        }
        Attack::ClockAndRandom => look_around(),
        // Lies, which `format`, `deliver` and `probe` tell where they can.
        Attack::Return1Gib
        | Attack::ManyStrings
        | Attack::NotUtf8
        | Attack::PositionsMissing
        | Attack::PositionsDouble
        | Attack::PositionsBeyond
        | Attack::LieVerdicts
        | Attack::LieDelivered
        | Attack::HugeCarry
        | Attack::HugeDetail
        | Attack::CanaryWrite
        | Attack::CanaryRead
        | Attack::Canary => format!("{attack:?} has no meaning here; choose another `where`"),
    }
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn allocate() -> ! {
    loop {
        // Written, not only reserved. When there is no more, this traps.
        std::mem::forget(black_box(vec![1_u8; MIB]));
    }
}

/// Frames that need no memory of the guest: the engine's own stack is what runs out.
#[expect(unconditional_recursion, reason = "it is the attack")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    // Not a call in the last place, and nothing that a loop could do instead.
    recurse(depth + 1).rotate_left(1) ^ depth
}

/// Frames that lie in the guest's memory, below which there is nothing.
#[expect(unconditional_recursion, reason = "it is the attack")]
fn recurse_in_memory(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse_in_memory(depth + 1) + black_box(frame)[0]
}

/// The handles live as long as the store: nothing here gives them back.
#[cfg(target_family = "wasm")]
fn open_handles(count: usize) -> String {
    for _ in 0..count {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX));
    }
    format!("holds {count} handles")
}

#[cfg(not(target_family = "wasm"))]
fn open_handles(_count: usize) -> String {
    "there are handles only in a component".into()
}

/// 1 GiB in writes of 64 KiB.
fn flood(mut to: impl Write) -> String {
    let block = [b'x'; 64 * 1024];
    let written = (0..16 * 1024).take_while(|_| to.write_all(&block).is_ok()).count();
    format!("wrote {written} blocks of 64 KiB")
}

fn send_to(url: &str) -> String {
    match http::send(&behave::post(url, b"{}".into())) {
        Ok(answer) => answer.excerpt(),
        Err(error) => format!("{error:?}"),
    }
}

/// Headers that frame a request in two ways, or break its lines.
fn smuggle(url: &str) -> String {
    let headers = [
        ("host", "other.example"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-forwarded-for"),
        ("x-a", "1\r\nx-b: 2"),
        ("x-a\r\nx-b", "1"),
        ("x a", "1"),
        (":authority", "other.example"),
        ("", "1"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
    ];
    let tries = headers.map(|(name, value)| {
        let mut request = behave::post(url, b"{}".into());
        request.headers.push((name.into(), value.into()));
        match http::send(&request) {
            Ok(answer) => format!("{name:?}: answered {}", answer.status),
            Err(error) => format!("{name:?}: {error:?}"),
        }
    });
    tries.join("\n")
}

fn ask_for_secrets() -> String {
    let pieces = [secrets::Piece::Secret("password".into())];
    let composed = secrets::compose(&pieces, secrets::Encoding::Plain);
    let signed = secrets::sign(
        "password",
        secrets::Algorithm::HmacSha256,
        &[secrets::Signed::Bytes(vec![])],
        secrets::Encoding::Hex,
    );
    format!("{composed:?} {signed:?}")
}

fn look_around() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let hash = RandomState::new().hash_one("constant");
    let names: Vec<_> = std::env::vars().map(|(name, _)| name).chain(std::env::args()).collect();
    format!(
        r#"{{"now_ms":{},"instant":"{:?}","hash":"{hash:x}","environment":{}}}"#,
        now.as_millis(),
        Instant::now(),
        names.len()
    )
}
