//! Who writes a mail and who is to get it, as `format` hands it to `deliver`; and who got it, as one
//! attempt hands it to the next.
//!
//! Promise: an address counts once, however often it stands in the settings, and by its position in
//! the envelope, so that what an attempt notes is short and true for the same message.

use crate::address::Mailbox;
use crate::settings::Settings;

const FROM: &str = "from";
const RECIPIENTS: &str = "recipients";
const TIME_MS: &str = "time_ms";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) from: String,
    pub(crate) recipients: Vec<Recipient>,
    /// When the alerts happened, in milliseconds since the Unix epoch: the mail's `Date`.
    pub(crate) time_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// Where it stands in the settings: "to[0]". Faults say this in place of the address.
    pub(crate) place: String,
    pub(crate) address: String,
}

impl Envelope {
    pub(crate) fn new(settings: &Settings, time_ms: u64) -> Self {
        let mut recipients: Vec<Recipient> = vec![];
        for (list, name) in [(&settings.to, "to"), (&settings.cc, "cc"), (&settings.bcc, "bcc")] {
            for (at, Mailbox { address, .. }) in list.iter().enumerate() {
                if !recipients.iter().any(|one| one.address.eq_ignore_ascii_case(address)) {
                    let (place, address) = (format!("{name}[{at}]"), address.clone());
                    recipients.push(Recipient { place, address });
                }
            }
        }
        Self { from: settings.sender.address.clone(), recipients, time_ms }
    }

    /// No address that can be read has a blank or a line break in it.
    pub(crate) fn to_notes(&self) -> Vec<(String, String)> {
        let mut recipients = String::with_capacity(64 * self.recipients.len());
        for Recipient { place, address } in &self.recipients {
            let mark = if recipients.is_empty() { "" } else { "\n" };
            recipients.extend([mark, place, " ", address]);
        }
        vec![
            (FROM.into(), self.from.clone()),
            (RECIPIENTS.into(), recipients),
            (TIME_MS.into(), self.time_ms.to_string()),
        ]
    }

    /// `None`: these are not the notes of a mail.
    pub(crate) fn of_notes(notes: &[(String, String)]) -> Option<Self> {
        let note =
            |name: &str| notes.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
        let recipient = |line: &str| {
            let (place, address) = line.split_once(' ')?;
            is_address(address)
                .then(|| Recipient { place: place.to_owned(), address: address.to_owned() })
        };
        let from = note(FROM).filter(|from| is_address(from))?.to_owned();
        let recipients = note(RECIPIENTS)?.lines().map(recipient).collect::<Option<Vec<_>>>()?;
        let time_ms = note(TIME_MS)?.parse().ok()?;
        (!recipients.is_empty()).then_some(Self { from, recipients, time_ms })
    }

    /// Only a server with SMTPUTF8 can take it.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.from.is_ascii() || self.recipients.iter().any(|one| !one.address.is_ascii())
    }
}

fn is_address(address: &str) -> bool {
    Mailbox::read(address).is_some_and(|it| it.name.is_none() && it.address == address)
}

/// How far a mail has come, address by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress(pub(crate) Vec<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Owed,
    /// The server has the mail for it.
    Done,
    /// The server will never take one for it.
    Refused,
}

impl Progress {
    /// `carry`: what the attempt before handed on, such as `done 0-2,5 refused 3`.
    pub(crate) fn read(carry: Option<&str>, count: usize) -> Self {
        let mut states = vec![State::Owed; count];
        let mut state = State::Owed;
        for word in carry.unwrap_or_default().split(' ') {
            match word {
                "done" => state = State::Done,
                "refused" => state = State::Refused,
                _ => {
                    for range in word.split(',') {
                        let (from, to) = range.split_once('-').unwrap_or((range, range));
                        let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>())
                        else {
                            continue;
                        };
                        for one in states.iter_mut().take(to.saturating_add(1)).skip(from) {
                            *one = state;
                        }
                    }
                }
            }
        }
        Self(states)
    }

    /// `None`: there is nothing to hand on.
    pub(crate) fn to_carry(&self) -> Option<String> {
        let mut words = vec![];
        for (name, state) in [("done", State::Done), ("refused", State::Refused)] {
            let mut ranges: Vec<(usize, usize)> = vec![];
            for at in self.of(state) {
                match ranges.last_mut() {
                    Some((_, to)) if *to + 1 == at => *to = at,
                    _ => ranges.push((at, at)),
                }
            }
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(
                    |(from, to)| {
                        if from == to { format!("{from}") } else { format!("{from}-{to}") }
                    },
                )
                .collect();
            if !ranges.is_empty() {
                words.push(format!("{name} {}", ranges.join(",")));
            }
        }
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Positions of the addresses in this state.
    pub(crate) fn of(&self, state: State) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter(move |(_, one)| **one == state).map(|(at, _)| at)
    }

    pub(crate) fn count(&self, state: State) -> usize {
        self.of(state).count()
    }

    pub(crate) fn set(&mut self, at: usize, state: State) {
        if let Some(one) = self.0.get_mut(at) {
            *one = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn an_envelope_has_each_address_once_and_comes_back_from_its_notes() {
        let settings = settings::read(
            r#"{"host":"h","port":25,"sender":"Me <me@h.example>","to":["A <a@x.example>","b@x.example"],
                "cc":["A@X.example","c@x.example"],"bcc":["b@x.example","d@x.example"]}"#,
        );
        let envelope = Envelope::new(&settings.expect("good"), 7);
        let told: Vec<_> = envelope
            .recipients
            .iter()
            .map(|one| (one.place.as_str(), one.address.as_str()))
            .collect();
        let expected = [
            ("to[0]", "a@x.example"),
            ("to[1]", "b@x.example"),
            ("cc[1]", "c@x.example"),
            ("bcc[1]", "d@x.example"),
        ];
        assert_eq!(told, expected);
        assert_eq!(Envelope::of_notes(&envelope.to_notes()), Some(envelope.clone()));
        assert!(!envelope.is_foreign());
    }

    #[test]
    fn notes_that_are_not_of_a_mail_are_none() {
        let notes = |from: &str, recipients: &str, time: &str| {
            let notes = [("from", from), ("recipients", recipients), ("time_ms", time)];
            notes.map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        assert!(Envelope::of_notes(&notes("a@b", "to[0] c@d", "7")).is_some());
        let table = [
            notes("", "to[0] c@d", "7"),
            notes("a@b> SIZE=1", "to[0] c@d", "7"),
            notes("a@b", "", "7"),
            notes("a@b", "c@d", "7"),
            notes("a@b", "to[0] c@d\nto[1]", "7"),
            notes("a@b", "to[0] c@d>", "7"),
            notes("a@b", "to[0] c@d", "x"),
        ];
        for notes in table {
            assert_eq!(Envelope::of_notes(&notes), None, "{notes:?}");
        }
        assert_eq!(Envelope::of_notes(&[]), None);
    }

    #[test]
    fn what_an_attempt_hands_on_is_short_and_comes_back() {
        use State::{Done, Owed, Refused};
        let table: [(&[State], Option<&str>); 6] = [
            (&[Owed, Owed], None),
            (&[Done, Owed], Some("done 0")),
            (&[Done, Done, Done, Owed, Done], Some("done 0-2,4")),
            (&[Refused, Done, Refused, Refused], Some("done 1 refused 0,2-3")),
            (&[Owed, Refused], Some("refused 1")),
            (&[Done], Some("done 0")),
        ];
        for (states, expected) in table {
            let progress = Progress(states.to_vec());
            let carry = progress.to_carry();
            assert_eq!(carry.as_deref(), expected, "{states:?}");
            assert_eq!(Progress::read(carry.as_deref(), states.len()), progress);
        }
        // The longest there can be.
        let states = (0..300).map(|at| if at % 2 == 0 { Done } else { Refused }).collect();
        assert!(Progress(states).to_carry().expect("some").len() <= 4096);
    }

    #[test]
    fn what_was_not_handed_on_like_that_leaves_every_address_owed() {
        for carry in ["", "nonsense", "done", "done x", "done 9", "done 5-4", "0", "done -1"] {
            let progress = Progress::read(Some(carry), 3);
            assert_eq!(progress.count(State::Owed), 3, "{carry:?}");
        }
        assert_eq!(Progress::read(Some("done 1-99"), 3).count(State::Done), 2);
    }
}
