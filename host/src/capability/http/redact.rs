//! Takes secrets out of an answer.

use super::super::secrets::Keyring;
use super::contract;

/// Takes secrets out of what `peer` answered.
pub(super) fn redact(answer: &mut contract::Response, keyring: &Keyring, peer: &str) {
    if !keyring.may_fill_toward(peer) {
        return;
    }
    for (_, value) in &mut answer.headers {
        if let Some(redacted) = keyring.redacted_from(peer, value.as_bytes()) {
            *value = String::from_utf8_lossy(&redacted).into_owned();
        }
    }
    if answer.headers.iter().any(|(name, value)| is_packed(name, value)) {
        // It was asked for as it is. Packed, it may hold anything.
        answer.body.clear();
        answer.ending = contract::Ending::Capped;
        return;
    }
    keyring.redact_body(peer, &mut answer.body, answer.ending == contract::Ending::Complete);
}

/// Whether a header of an answer says that its body is not what it is about.
fn is_packed(name: &str, value: &str) -> bool {
    let mut codings = value.split(',').map(str::trim);
    match name {
        "content-encoding" => !codings.all(|one| one.eq_ignore_ascii_case("identity")),
        "transfer-encoding" => !codings.all(|one| one.eq_ignore_ascii_case("chunked")),
        _ => false,
    }
}
