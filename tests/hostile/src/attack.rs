//! The attacks. Most are an act, the same wherever it is done; some lie in what is returned.

mod act;
mod canary;
mod forged;

use campanile_guest::{Formatted, Message, Outcome, Proof, Receipt, Subject, Verdict};

use crate::behave;
use crate::settings::{Attack, Settings};

const MIB: usize = 1024 * 1024;

pub(crate) fn format(attack: Attack, subjects: &[Subject], settings: &Settings) -> Formatted {
    let mut formatted = behave::format(subjects);
    let messages = &mut formatted.messages;
    let first = messages.first_mut();
    match attack {
        Attack::Return1Gib => first.into_iter().for_each(|one| one.notes = forged::one_gib()),
        Attack::ManyStrings => first.into_iter().for_each(|one| one.notes = forged::many_pairs()),
        Attack::NotUtf8 => first.into_iter().for_each(|one| one.summary = forged::not_utf8()),
        Attack::HugeDetail => first.into_iter().for_each(|one| one.summary = "x".repeat(MIB)),
        Attack::PositionsMissing => drop(messages.pop()),
        Attack::PositionsDouble => messages.extend(messages.first().cloned()),
        Attack::PositionsBeyond => first.into_iter().for_each(|one| one.alerts = vec![u32::MAX]),
        other => {
            let got = act::act(other, settings);
            messages.iter_mut().for_each(|one| one.body = got.clone().into_bytes());
        }
    }
    formatted
}

pub(crate) fn deliver(attack: Attack, message: &Message, settings: &Settings) -> Outcome {
    match attack {
        Attack::Return1Gib => {
            Outcome { extra: forged::one_gib(), ..Outcome::delivered(Proof::Sent) }
        }
        Attack::ManyStrings => {
            Outcome { extra: forged::many_pairs(), ..Outcome::delivered(Proof::Sent) }
        }
        Attack::NotUtf8 => Outcome::rejected(forged::not_utf8()),
        Attack::HugeDetail => Outcome::rejected("x".repeat(MIB)),
        Attack::HugeCarry => {
            Outcome { carry: Some("x".repeat(MIB)), ..Outcome::unavailable("carry this") }
        }
        Attack::LieDelivered => Outcome::delivered(Proof::Confirmed),
        Attack::LieVerdicts => {
            let verdict = Verdict::Delivered(Receipt {
                remote_id: None,
                duplicate: false,
                proof: Proof::Confirmed,
                warning: None,
                detail: String::new(),
            });
            Outcome::each(vec![verdict; message.alerts.len() + 1])
        }
        Attack::CanaryWrite => Outcome::rejected(canary::write()),
        Attack::CanaryRead => Outcome::rejected(canary::read()),
        Attack::Canary if message.summary == "write" => Outcome::rejected(canary::write()),
        Attack::Canary => Outcome::rejected(canary::read()),
        other => Outcome::rejected(act::act(other, settings)),
    }
}

/// A summary, and facts.
pub(crate) fn probe(attack: Attack, settings: &Settings) -> (String, Vec<(String, String)>) {
    match attack {
        Attack::Return1Gib => (String::new(), forged::one_gib()),
        Attack::ManyStrings => (String::new(), forged::many_pairs()),
        Attack::NotUtf8 => (forged::not_utf8(), vec![]),
        Attack::HugeDetail => ("x".repeat(MIB), vec![]),
        other => (act::act(other, settings), vec![]),
    }
}
