//! Values that cost the guest little and whoever copies them much.

use super::MIB;

/// 512 pairs of strings that all are the same mebibyte.
///
/// The strings do not own what they say they own: they must only be handed to the engine, which
/// copies them or refuses to.
#[expect(unsafe_code, reason = "a guest can return any pointers; safe Rust cannot")]
pub(super) fn one_gib() -> Vec<(String, String)> {
    let shared = String::leak("x".repeat(MIB)).as_mut_ptr();
    // SAFETY: none. Freeing two of them breaks this guest's own heap, after the engine has copied.
    let alias = || unsafe { String::from_raw_parts(shared, MIB, MIB) };
    (0..512).map(|_| (alias(), alias())).collect()
}

/// Takes the guest eight bytes a string, the engine at least 24.
pub(super) fn many_pairs() -> Vec<(String, String)> {
    vec![(String::new(), String::new()); 300_000]
}

#[expect(unsafe_code, reason = "a guest can return any bytes; safe Rust cannot")]
pub(super) fn not_utf8() -> String {
    // SAFETY: none. The string is only handed on.
    unsafe { String::from_utf8_unchecked(vec![b'o', 0xff, 0xc0, 0x80]) }
}
