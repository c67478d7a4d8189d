//! What a server answers (RFC 5321, 4.2): a code, perhaps an enhanced code (RFC 2034), and words.

use campanile_guest::{cut, plain};

/// Longest reply that is taken in, in bytes. None that means anything is longer.
const BYTES_MAX: usize = 64 << 10;

/// The most of a server's words that is quoted, in bytes.
const QUOTED_BYTES_MAX: usize = 300;

/// One reply, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 200 to 599.
    pub(crate) code: u16,
    /// "5.7.1", as its three numbers.
    pub(crate) enhanced: Option<(u16, u16, u16)>,
    /// What stands behind the code, line by line.
    pub(crate) lines: Vec<String>,
}

/// A server that says something that is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoReply;

/// What was read of a reply, so that no byte is looked at twice, however it arrives.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    code: Option<u16>,
    lines: Vec<String>,
    /// In the lines so far.
    bytes: usize,
    /// Behind them, where no line ends.
    searched: usize,
}

impl Reading {
    /// Goes on in `heard`, which has all bytes since the reply began. The reply, with how many of
    /// them it is; `None`: more has to come.
    pub(crate) fn go_on(&mut self, heard: &[u8]) -> Result<Option<(Reply, usize)>, NoReply> {
        let rest = |reading: &Self| heard.get(reading.bytes..).unwrap_or_default();
        loop {
            let behind = rest(self).get(self.searched..).unwrap_or_default();
            let Some(end) = behind.iter().position(|byte| *byte == b'\n') else { break };
            let line = String::from_utf8_lossy(&rest(self)[..self.searched + end]);
            self.bytes += self.searched + end + 1;
            self.searched = 0;
            let line = line.strip_suffix('\r').unwrap_or(&line);
            let code = line.get(..3).and_then(|digits| digits.parse::<u16>().ok());
            let code = code.filter(|code| (200..600).contains(code)).ok_or(NoReply)?;
            if *self.code.get_or_insert(code) != code {
                return Err(NoReply);
            }
            let words = line.get(3..).ok_or(NoReply)?;
            let goes_on = match words.chars().next() {
                Some('-') => true,
                Some(' ') | None => false,
                Some(_) => return Err(NoReply),
            };
            self.lines.push(words.get(1..).unwrap_or_default().to_owned());
            if !goes_on {
                let lines = std::mem::take(&mut self.lines);
                let enhanced = lines.first().and_then(|line| enhanced(line, code));
                return Ok(Some((Reply { code, enhanced, lines }, self.bytes)));
            }
        }
        self.searched = rest(self).len();
        if heard.len() > BYTES_MAX { Err(NoReply) } else { Ok(None) }
    }
}

impl Reply {
    /// 2yz: done. 354 and 334 are 3yz: go on.
    pub(crate) fn is_good(&self) -> bool {
        self.code < 300
    }

    /// Worth another try later.
    pub(crate) fn is_passing(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// The enhanced code without its class: `(7, 1)` for "4.7.1" as for "5.7.1".
    pub(crate) fn detail(&self) -> Option<(u16, u16)> {
        self.enhanced.map(|(_, subject, detail)| (subject, detail))
    }

    /// Whether its words hold this one, in lower case.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.lines.iter().any(|line| line.to_ascii_lowercase().contains(word))
    }

    /// For people, on one line: "550 5.1.1 user unknown".
    pub(crate) fn quoted(&self) -> String {
        let words = plain::line(&self.lines.join(" "));
        let words = cut::bytes(&words, QUOTED_BYTES_MAX);
        let blank = if words.is_empty() { "" } else { " " };
        format!("{}{blank}{words}", self.code)
    }

    /// Under what the server keeps a mail that it took, as far as its words tell.
    ///
    /// There is no standard for it. Postfix: "2.0.0 Ok: queued as 4XyZ". Exim: "OK id=1abc-2".
    /// Sendmail: "2.0.0 3AJ1 Message accepted for delivery". Gmail: "2.0.0 OK 1700 a-b.12 - gsmtp".
    /// Exchange: "2.6.0 <id> [InternalId=123, ...] Queued mail for delivery". qmail: "ok 17 qp 12".
    pub(crate) fn queue_id(&self) -> Option<String> {
        const ID_BYTES_MAX: usize = 128;
        let words = plain::line(&self.lines.join(" "));
        let mut rest = words.as_str();
        if self.enhanced.is_some() {
            rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
        }
        let lower = rest.to_ascii_lowercase();
        let behind = |mark: &str| lower.find(mark).map(|at| &rest[at + mark.len()..]);
        let first = |text: &str| {
            let word = text.split([' ', ',', ']', ';']).next().unwrap_or_default();
            let word = word.trim_matches(|one| matches!(one, '<' | '>' | '(' | ')' | '.'));
            (!word.is_empty()).then(|| cut::bytes(word, ID_BYTES_MAX).to_owned())
        };
        let marked = ["queued as ", "internalid=", "id=", "queued for delivery as "];
        if let Some(id) = marked.iter().find_map(|mark| behind(mark).and_then(first)) {
            return Some(id);
        }
        if lower.starts_with("ok ") {
            let told: Vec<_> = rest.split(' ').skip(1).take_while(|word| *word != "-").collect();
            let is_id = told.iter().any(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
            return is_id.then(|| cut::bytes(&told.join(" "), ID_BYTES_MAX).to_owned());
        }
        let is_sendmail = lower.contains(" message accepted") && !lower.starts_with("message");
        if is_sendmail { first(rest) } else { None }
    }
}

/// "5.7.1 no" in a reply whose code begins with 5.
fn enhanced(line: &str, code: u16) -> Option<(u16, u16, u16)> {
    let word = line.split(' ').next()?;
    let mut numbers = word.split('.').map(|one| {
        let is_number = (1..=3).contains(&one.len()) && one.bytes().all(|it| it.is_ascii_digit());
        one.parse::<u16>().ok().filter(|_| is_number)
    });
    let found = (numbers.next()??, numbers.next()??, numbers.next()??);
    (numbers.next().is_none() && found.0 == code / 100).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        Reading::default().go_on(text.as_bytes()).expect("a reply").expect("whole").0
    }

    #[test]
    fn a_reply_is_read_when_it_is_whole_and_what_is_none_is_refused() {
        let whole = |code, enhanced, lines: &[&str], used| {
            let lines = lines.iter().map(|&one| one.to_owned()).collect();
            Ok(Some((Reply { code, enhanced, lines }, used)))
        };
        let long = format!("250-{}", "x".repeat(BYTES_MAX));
        let table = [
            ("", Ok(None)),
            ("25", Ok(None)),
            ("250 ok\r", Ok(None)),
            ("250-a\r\n250-b\r\n", Ok(None)),
            ("250 ok\r\n", whole(250, None, &["ok"], 8)),
            ("250\r\n", whole(250, None, &[""], 5)),
            ("250 ok\n221 bye\r\n", whole(250, None, &["ok"], 7)),
            ("250-a\r\n250 b\r\n", whole(250, None, &["a", "b"], 14)),
            ("550 5.7.1 no\r\n", whole(550, Some((5, 7, 1)), &["5.7.1 no"], 14)),
            ("550 4.7.1 no\r\n", whole(550, None, &["4.7.1 no"], 14)),
            ("550 5.7 no\r\n", whole(550, None, &["5.7 no"], 12)),
            ("550 5.7.1.2 no\r\n", whole(550, None, &["5.7.1.2 no"], 16)),
            ("421 4.7.28 slow\r\n", whole(421, Some((4, 7, 28)), &["4.7.28 slow"], 17)),
            ("HTTP/1.1 400 Bad Request\r\n", Err(NoReply)),
            ("199 x\r\n", Err(NoReply)),
            ("600 x\r\n", Err(NoReply)),
            ("+50 x\r\n", Err(NoReply)),
            ("250ok\r\n", Err(NoReply)),
            ("250-a\r\n550 b\r\n", Err(NoReply)),
            ("\r\n", Err(NoReply)),
            ("\u{e9}50 x\r\n", Err(NoReply)),
            (long.as_str(), Err(NoReply)),
        ];
        for (text, expected) in table {
            let shown: String = text.chars().take(40).collect();
            assert_eq!(Reading::default().go_on(text.as_bytes()), expected, "{shown:?}");
            // The same, if it comes byte by byte.
            let mut reading = Reading::default();
            let mut steps = (1..=text.len()).map(|to| reading.go_on(&text.as_bytes()[..to]));
            let first = steps.find(|step| *step != Ok(None)).unwrap_or(Ok(None));
            assert_eq!(first, expected, "{shown:?}, byte by byte");
        }
    }

    #[test]
    fn the_id_of_a_queue_is_found_in_what_servers_say() {
        let table = [
            ("250 2.0.0 Ok: queued as 4XyZ1b\r\n", Some("4XyZ1b")),
            ("250 OK id=1rTabc-0001-Ab\r\n", Some("1rTabc-0001-Ab")),
            ("250 2.0.0 3AJ1x2 Message accepted for delivery\r\n", Some("3AJ1x2")),
            ("250 2.0.0 OK  1700000000 a12-b.45 - gsmtp\r\n", Some("1700000000 a12-b.45")),
            (
                "250 2.6.0 <x@y> [InternalId=123, Hostname=h] 9 bytes Queued mail for delivery\r\n",
                Some("123"),
            ),
            ("250 ok 1700000000 qp 12\r\n", Some("1700000000 qp 12")),
            ("250 Message queued for delivery as AB12.\r\n", Some("AB12")),
            ("250 2.0.0 OK\r\n", None),
            ("250 ok thanks\r\n", None),
            ("250 Message accepted for delivery\r\n", None),
            ("250\r\n", None),
        ];
        for (text, expected) in table {
            assert_eq!(reply(text).queue_id().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_quoted_is_one_line_without_what_controls_it() {
        let table = [
            ("550 \u{1b}[31mno\u{202e}\r\n", "550 \u{fffd}[31mno\u{fffd}"),
            ("550-5.1.1 a\r\n550 5.1.1  b\r\n", "550 5.1.1 a 5.1.1 b"),
            ("550\r\n", "550"),
        ];
        for (text, expected) in table {
            assert_eq!(reply(text).quoted(), expected);
        }
        assert!(reply(&format!("550 {}\r\n", "\u{e9}".repeat(500))).quoted().len() <= 304);
    }
}
