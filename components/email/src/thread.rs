//! Names of mails and of threads: who reads them has an alert and what closes it in one place, and
//! knows a mail that came twice.
//!
//! Promise: the same alerts for the same recipient give the same names, at every attempt; other ones
//! give others.

use campanile_guest::{Alert, Context, Purpose};

use crate::settings::{Settings, Threading};

/// What a `Message-ID` is, without its brackets.
pub(crate) fn message_id(alerts: &[&Alert], context: &Context, settings: &Settings) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let mut id = format!("{}.{}", atom(&first.id), first.action.name());
    if alerts.len() > 1 {
        id.push_str(&format!(".{}.{:016x}", alerts.len(), hash(alerts)));
    }
    // The same alert can be told again, and then it is another mail.
    if context.purpose != Purpose::Live {
        id.push_str(&format!(".{}", context.purpose.name()));
    }
    format!("{id}.{}@{}", atom(&context.recipient_id), settings.sender.domain())
}

/// To which thread the mail belongs, without brackets. The name is of no mail: so it is known
/// before there is one, and is the same whichever comes first.
pub(crate) fn root(alerts: &[&Alert], settings: &Settings) -> Option<String> {
    let of_one = |alert: &Alert| match settings.threading {
        Threading::Alert => atom(&alert.episode),
        Threading::Day => {
            let day = alert.time.local.split('T').next().unwrap_or_default();
            format!("{}.{}", atom(&alert.fingerprint), atom(day))
        }
        Threading::None => String::new(),
    };
    let (first, rest) = alerts.split_first()?;
    let root = of_one(first);
    let is_one = rest.iter().all(|alert| of_one(alert) == root);
    (is_one && settings.threading != Threading::None)
        .then(|| format!("{root}.thread@{}", settings.sender.domain()))
}

/// A boundary that no part can hold: quoted-printable never has `=_`.
pub(crate) fn boundary(alerts: &[&Alert]) -> String {
    let id = alerts.first().map(|alert| atom(&alert.id)).unwrap_or_default();
    // RFC 2046, 5.1.1: at most 70 characters, and only some.
    let mut boundary = String::with_capacity(70);
    boundary.push_str("=_");
    boundary.extend(id.chars().filter(char::is_ascii_alphanumeric).take(40));
    boundary.push('_');
    boundary.push_str(&alerts.len().to_string());
    boundary
}

/// Letters and digits as they are, all else as its code between dashes, so that no two texts give
/// the same.
fn atom(text: &str) -> String {
    // As ids are.
    if text.bytes().all(|one| one.is_ascii_alphanumeric()) {
        return text.to_owned();
    }
    let mut atom = String::with_capacity(text.len());
    for one in text.chars() {
        if one.is_ascii_alphanumeric() {
            atom.push(one);
        } else {
            atom.push_str(&format!("-{:x}-", u32::from(one)));
        }
    }
    atom
}

/// FNV-1a, over ids that no sender chooses.
fn hash(alerts: &[&Alert]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for alert in alerts {
        for byte in alert.id.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::{alert, context, settings};

    #[test]
    fn a_mail_has_one_name_for_ever_and_another_mail_another() {
        let settings = settings("{}");
        let one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        let two = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5T");
        let id = |alerts: &[&Alert], purpose, recipient: &str| {
            let context = Context { purpose, recipient_id: recipient.into(), ..context() };
            message_id(alerts, &context, &settings)
        };
        let live = Purpose::Live;
        let expected = "01JD8Q5W3V9T6Z0M4K2N7P1R5S.engage.12@h.example";
        assert_eq!(id(&[&one], live, "12"), expected);
        let others = [
            id(&[&two], live, "12"),
            id(&[&one, &two], live, "12"),
            id(&[&two, &one], live, "12"),
            id(&[&one], Purpose::Test, "12"),
            id(&[&one], live, "1.2"),
            id(&[&one], live, "1-2e-2"),
            id(&[&one], live, "13"),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(other, expected);
            assert!(!others[..at].contains(other), "{other}");
            let is_plain = |one: char| one.is_ascii_alphanumeric() || ".-@".contains(one);
            assert!(other.chars().all(is_plain), "{other}");
        }
    }

    #[test]
    fn a_thread_is_an_episode_or_a_day_of_a_condition() {
        let engage = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        let release = Alert { episode: engage.id.clone(), ..alert("01JD8Q5W3V9T6Z0M4K2N7P1R5T") };
        let other = Alert { fingerprint: "other".into(), ..alert("01JD8Q5W3V9T6Z0M4K2N7P1R5U") };
        let by = |threading: &str, alerts: &[&Alert]| {
            root(alerts, &settings(&format!(r#"{{"threading":"{threading}"}}"#)))
        };
        let of_alert = Some("01JD8Q5W3V9T6Z0M4K2N7P1R5S.thread@h.example".to_owned());
        let of_day = Some("f00d.2026-2d-11-2d-24.thread@h.example".to_owned());
        assert_eq!(by("alert", &[&engage]), of_alert);
        assert_eq!(by("alert", &[&release]), of_alert);
        assert_eq!(by("alert", &[&engage, &release]), of_alert);
        assert_eq!(by("alert", &[&engage, &other]), None);
        assert_eq!(by("day", &[&engage]), of_day);
        assert_eq!(by("day", &[&engage, &other]), None);
        assert_eq!(by("none", &[&engage]), None);
    }
}
