//! Names of files and of the parts of a place: what may be one.

/// Longest name that Linux stores.
const BYTES_MAX: usize = 255;

/// Why a text is not the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    #[error("a name must not be empty")]
    Empty,
    #[error("a name must have at most {BYTES_MAX} bytes")]
    Long,
    #[error("a name must not begin with a dot")]
    Dot,
    #[error("a name must not have a separator")]
    Separator,
    #[error("a name must not have control characters")]
    Control,
}

/// `text`, if it can name one file in one folder and nothing else. `\` separates elsewhere, and
/// what begins with a dot is hidden, or leads up.
pub(super) fn checked(text: &str) -> Result<&str, NameError> {
    let is_separator = |one: char| matches!(one, '/' | '\\');
    match text {
        "" => Err(NameError::Empty),
        _ if text.len() > BYTES_MAX => Err(NameError::Long),
        _ if text.starts_with('.') => Err(NameError::Dot),
        _ if text.contains(is_separator) => Err(NameError::Separator),
        _ if text.contains(char::is_control) => Err(NameError::Control),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_part_of_a_path() {
        let longest = "é".repeat(127);
        let longer = "é".repeat(128);
        let table = [
            ("alerts.log", Ok(())),
            ("a..b", Ok(())),
            ("Über den Tag.json", Ok(())),
            (longest.as_str(), Ok(())),
            (longer.as_str(), Err(NameError::Long)),
            ("", Err(NameError::Empty)),
            (".", Err(NameError::Dot)),
            ("..", Err(NameError::Dot)),
            (".profile", Err(NameError::Dot)),
            ("/etc/passwd", Err(NameError::Separator)),
            ("a/b", Err(NameError::Separator)),
            ("a/", Err(NameError::Separator)),
            ("a\\b", Err(NameError::Separator)),
            ("a\0", Err(NameError::Control)),
            ("a\nb", Err(NameError::Control)),
            ("a\u{1b}[31m", Err(NameError::Control)),
            ("a\u{85}", Err(NameError::Control)),
        ];
        for (text, expected) in table {
            assert_eq!(checked(text).map(drop), expected, "{text:?}");
        }
    }
}
