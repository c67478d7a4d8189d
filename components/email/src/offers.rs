//! What a mail server says that it can, in its answer to `EHLO`.

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
                    for one in words {
                        if !offers.auth.iter().any(|known| known == one) {
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
            ("h\nXSTARTTLS\nHELP\n\nSTARTTLSX", none()),
        ];
        for (text, expected) in table {
            assert_eq!(Offers::read(&lines(text)), expected, "{text:?}");
        }
    }
}
