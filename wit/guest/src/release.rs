//! What the end of a condition becomes, where a kind lets its recipients choose.
//!
//! Not here: which of the ways a kind has and what it calls them, and how it answers or changes
//! what it sent before.

use crate::{Action, Refusal, Subject};

/// The setting `on_release`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRelease {
    /// A message of its own.
    #[default]
    New,
    /// An answer to the message that told of the beginning.
    Reply,
    /// That message, changed. Nobody is notified of it.
    Edit,
    /// Nothing.
    None,
}

/// The note that says what becomes of the message that told of the beginning.
const NOTE: &str = "on-release";

impl OnRelease {
    /// The note of a message about `subject`: of a release for which there is an earlier message to
    /// answer or to change, and of nothing else.
    pub fn note(self, subject: &Subject) -> Option<(String, String)> {
        let way = match self {
            Self::Reply => "reply",
            Self::Edit => "edit",
            Self::New | Self::None => return None,
        };
        let is_told_before = subject.alert.action == Action::Release && subject.previous.is_some();
        is_told_before.then(|| (NOTE.to_owned(), way.to_owned()))
    }

    /// What [`OnRelease::note`] said.
    pub fn of_notes(notes: &[(String, String)]) -> Option<Self> {
        let (_, way) = notes.iter().find(|(name, _)| name == NOTE)?;
        match way.as_str() {
            "reply" => Some(Self::Reply),
            "edit" => Some(Self::Edit),
            _ => None,
        }
    }
}

/// For the alert at this position, where `on_release` is `none`.
pub fn untold(at: u32) -> Refusal {
    Refusal::new(at, "`on_release` is `none`: that it is over is not told")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alert, samples::alert};

    #[test]
    fn a_release_that_has_an_earlier_message_notes_what_becomes_of_it() {
        let table = [
            (OnRelease::Reply, Action::Release, Some("1"), Some(OnRelease::Reply)),
            (OnRelease::Edit, Action::Release, Some("1"), Some(OnRelease::Edit)),
            (OnRelease::New, Action::Release, Some("1"), None),
            (OnRelease::None, Action::Release, Some("1"), None),
            (OnRelease::Reply, Action::Release, None, None),
            (OnRelease::Edit, Action::Engage, Some("1"), None),
            (OnRelease::Edit, Action::Store, Some("1"), None),
        ];
        for (way, action, previous, expected) in table {
            let alert = Alert { action, ..alert() };
            let subject = Subject { alert, previous: previous.map(str::to_owned) };
            let notes: Vec<_> = way.note(&subject).into_iter().collect();
            let found = OnRelease::of_notes(&notes);
            assert_eq!(found, expected, "{way:?} {action:?} {previous:?}");
        }
        assert_eq!(OnRelease::of_notes(&[(NOTE.into(), "new".into())]), None);
    }
}
