//! When a connection may be given a secret: while the client proves who it is, and not after.
//!
//! Promise: a secret stands in a line of a SASL exchange, as SMTP, LMTP and their like have it, on a
//! connection on which nothing else was said yet than what may come before one. So it cannot become
//! part of a message, whatever the component writes and however it cuts it into pieces.
//!
//! Not here: whether the secret may go to this target at all (`fill`).

/// Longest line that is followed; none of a login is longer (RFC 4954, 4: 12,288).
const LINE_BYTES_MAX: usize = 12 << 10;

/// Lines of one exchange.
const EXCHANGE_LINES_MAX: u8 = 8;

/// What may be said before a login and between two tries of one.
const BEFORE: [&str; 6] = ["EHLO", "HELO", "LHLO", "STARTTLS", "NOOP", "CAPA"];

const BEGIN: &str = "AUTH";

/// How far one connection has come.
#[derive(Debug, Default)]
pub struct Login {
    state: State,
    /// What was written of a line that has not ended.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    /// So many lines may still belong to the exchange.
    Exchange(u8),
    Over,
}

impl Login {
    /// Of a connection that an earlier call logged in on.
    pub fn over() -> Self {
        Self { state: State::Over, line: Vec::new() }
    }

    /// Follows what is written. `secrets` are the spans of placeholders in it; `false`: one of them
    /// stands where no secret may.
    pub(super) fn write(&mut self, bytes: &[u8], secrets: &[(usize, usize)]) -> bool {
        let mut secrets = secrets.iter().peekable();
        let mut from = 0;
        while from < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at + 1);
            let until = end.unwrap_or(bytes.len());
            if let Some((start, stop)) = secrets.next_if(|(start, _)| *start < until) {
                let after = &bytes[*stop..until];
                let is_alone = secrets.peek().is_none_or(|(start, _)| *start >= until);
                self.line.extend_from_slice(&bytes[from..*start]);
                let may_stand = self.takes_a_secret() && matches!(after, b"\r\n" | b"\n");
                if !is_alone || !may_stand {
                    self.state = State::Over;
                    return false;
                }
                self.line.push(b'x');
            } else {
                self.line.extend_from_slice(&bytes[from..until]);
            }
            if self.line.len() > LINE_BYTES_MAX {
                self.state = State::Over;
            }
            if self.state == State::Over {
                self.line.clear();
            } else if end.is_some() {
                self.state = self.after_line();
                self.line.clear();
            }
            from = until;
        }
        true
    }

    /// Whether a secret may come after the line as it is so far.
    fn takes_a_secret(&self) -> bool {
        match (self.state, &self.line[..]) {
            (State::Over, _) => false,
            (State::Exchange(lines), b"") => lines > 0,
            (_, line) => {
                // `AUTH PLAIN `, and nothing else before it.
                let Some((b' ', words)) = line.split_last() else { return false };
                let mut words = words.split(|byte| *byte == b' ');
                let begins = words.next().is_some_and(|word| is_word(word, BEGIN));
                let names = words.next().is_some_and(is_mechanism);
                begins && names && words.next().is_none()
            }
        }
    }

    fn after_line(&self) -> State {
        let line = self.line.trim_ascii_end();
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if is_word(word, BEGIN) {
            return State::Exchange(EXCHANGE_LINES_MAX);
        }
        if BEFORE.iter().any(|known| is_word(word, known)) {
            return State::Before;
        }
        match self.state {
            State::Exchange(lines) if lines > 0 && line.iter().all(|byte| is_base64(*byte)) => {
                State::Exchange(lines - 1)
            }
            _ => State::Over,
        }
    }
}

fn is_word(word: &[u8], known: &str) -> bool {
    word.eq_ignore_ascii_case(known.as_bytes())
}

fn is_mechanism(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=20).contains(&word.len()) && word.iter().all(is_part)
}

/// `*` ends an exchange early.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=*".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "<>";

    /// Whether every `<>` in what is written may be filled in.
    fn is_allowed(login: &mut Login, text: &str) -> bool {
        let found: Vec<_> = text.match_indices(SECRET).map(|(at, _)| (at, at + 2)).collect();
        login.write(text.as_bytes(), &found)
    }

    #[test]
    fn a_secret_stands_in_a_login_and_nowhere_else() {
        let table: [(&[&str], bool); 23] = [
            (&["AUTH PLAIN <>\r\n"], true),
            (&["EHLO me\r\n", "auth xoauth2 <>\r\n"], true),
            (&["EHLO me\r\nSTARTTLS\r\n", "EHLO me\r\n", "AUTH PLAIN <>\r\n"], true),
            (&["AUTH LOGIN\r\n", "dXNlcg==\r\n", "<>\r\n"], true),
            (&["AUTH LOGIN <>\r\n", "<>\r\n"], true),
            (&["AUTH PLAIN <>\r\n", "AUTH LOGIN <>\r\n"], true),
            (&["AUTH PL", "AIN ", "<>\r\n"], true),
            (&["AUTH CRAM-MD5\n", "<>\n"], true),
            (&["<>\r\n"], false),
            (&["EHLO <>\r\n"], false),
            (&["AUTH <>\r\n"], false),
            (&["AUTH PLAIN x<>\r\n"], false),
            (&["AUTH PLAIN <>x\r\n"], false),
            (&["AUTH PLAIN <><>\r\n"], false),
            (&["AUTH PLAIN <>"], false),
            (&["AUTH PLAIN  <>\r\n"], false),
            (&["MAIL FROM:<a>\r\n", "AUTH PLAIN <>\r\n"], false),
            (&["AUTH LOGIN\r\n", "MAIL FROM:<a>\r\n", "<>\r\n"], false),
            (&["AUTH LOGIN\r\n*\r\nMAIL FROM:x\r\nRCPT TO:y\r\nDATA\r\n", "<>\r\n"], false),
            (&["AUTH PLAIN <>\r\nMAIL FROM:x\r\nDATA\r\nAUTH PLAIN <>\r\n"], false),
            (&["DA", "TA\r\n", "AUTH PLAIN <>\r\n"], false),
            (&["AUTH LOGIN\r\n", "a\r\n".repeat(8).leak(), "<>\r\n"], false),
            (&["x".repeat(LINE_BYTES_MAX + 1).leak(), "\r\nAUTH PLAIN <>\r\n"], false),
        ];
        for (writes, expected) in table {
            let mut login = Login::default();
            let all = writes.iter().all(|text| is_allowed(&mut login, text));
            assert_eq!(all, expected, "{writes:?}");
        }
        assert!(!is_allowed(&mut Login::over(), "AUTH PLAIN <>\r\n"), "an earlier call's");
    }

    proptest! {
        #[test]
        fn once_a_message_begins_it_is_over_however_it_is_cut(
            lines in proptest::collection::vec("(EHLO x|AUTH PLAIN|AUTH LOGIN|[A-Za-z=*]{0,4}|NOOP)", 0..6),
            cuts in proptest::collection::vec(1_usize..5, 0..40),
            word in "(MAIL FROM:<a@b>|mail from:<>|DATA x|a b|RCPT TO:<a>)",
        ) {
            let text = format!("{}\r\n{word}\r\n", lines.join("\r\n"));
            let mut login = Login::default();
            let mut rest = text.as_str();
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                login.write(piece.as_bytes(), &[]);
                rest = more;
            }
            login.write(rest.as_bytes(), &[]);
            prop_assert!(!is_allowed(&mut login, "AUTH PLAIN <>\r\n"), "{}", text);
        }
    }
}
