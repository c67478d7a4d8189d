//! What a mail server says that it can, in its answer to `EHLO`.

/// There are not so many that anybody uses.
const MECHANISMS_MAX: usize = 32;

/// What the server offers (RFC 1869, 1870, 6152, 6531).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    pub(crate) start_tls: bool,
    pub(crate) eight_bit: bool,
    pub(crate) utf8: bool,
    pub(crate) size: bool,
    /// In bytes, where it says a bound.
    pub(crate) size_max: Option<usize>,
    /// Names of mechanisms, in upper case.
    pub(crate) auth: Vec<String>,
}

impl Offers {
    /// The first line of the answer to `EHLO` is a name.
    pub(crate) fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            // Old servers write `AUTH=LOGIN PLAIN`.
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.start_tls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("SIZE") => {
                    offers.size = true;
                    let max = words.next().and_then(|max| max.parse().ok());
                    offers.size_max = max.filter(|max| *max > 0);
                }
                Some("AUTH") => {
                    for one in words.filter(|one| is_mechanism(one)) {
                        let is_known = offers.auth.iter().any(|known| known == one);
                        if !is_known && offers.auth.len() < MECHANISMS_MAX {
                            offers.auth.push(one.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

/// RFC 4422, 3.1: what else a server writes there would be told to people as it is.
fn is_mechanism(name: &str) -> bool {
    name.len() <= 20 && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_read_in_any_case_and_what_is_unknown_is_not() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let auth = |names: &[&str]| names.iter().map(|&one| one.to_owned()).collect();
        let none = Offers::default;
        let table = [
            ("", none()),
            // The first line is a name.
            ("STARTTLS", none()),
            ("h\nstarttls", Offers { start_tls: true, ..none() }),
            ("h\n8BITMIME\nSMTPUTF8", Offers { eight_bit: true, utf8: true, ..none() }),
            ("h\nSIZE", Offers { size: true, ..none() }),
            ("h\nSIZE 0", Offers { size: true, ..none() }),
            ("h\nSIZE 99", Offers { size: true, size_max: Some(99), ..none() }),
            ("h\nSIZE many", Offers { size: true, ..none() }),
            ("h\nAUTH plain Login", Offers { auth: auth(&["PLAIN", "LOGIN"]), ..none() }),
            (
                "h\nAUTH=PLAIN\nAUTH PLAIN XOAUTH2",
                Offers { auth: auth(&["PLAIN", "XOAUTH2"]), ..none() },
            ),
            (
                "h\nAUTH \u{1b}[31m PLAIN, \0 ABCDEFGHIJKLMNOPQRSTU SCRAM-SHA-256",
                Offers { auth: auth(&["SCRAM-SHA-256"]), ..none() },
            ),
            ("h\nXSTARTTLS\nHELP\n\nSTARTTLSX", none()),
        ];
        for (text, expected) in table {
            assert_eq!(Offers::read(&lines(text)), expected, "{text:?}");
        }
        let many: String = (0..9000).map(|at| format!(" M{at}")).collect();
        assert_eq!(Offers::read(&lines(&format!("h\nAUTH{many}"))).auth.len(), MECHANISMS_MAX);
    }
}
