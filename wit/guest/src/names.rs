//! Names and numbers of the contract's enums, as JSON and people write them.

use super::{Action, Purpose, Severity};

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// ntopng's number: 0 for `none`, 8 for `emergency`.
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Debug => 1,
            Self::Info => 2,
            Self::Notice => 3,
            Self::Warning => 4,
            Self::Error => 5,
            Self::Critical => 6,
            Self::Alert => 7,
            Self::Emergency => 8,
        }
    }

    /// Syslog's number (RFC 5424, 6.2.1): 0 for `emergency`, 7 for `debug` and `none`.
    pub fn syslog(self) -> u8 {
        8_u8.saturating_sub(self.number()).min(7)
    }
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Engage => "engage",
            Self::Release => "release",
        }
    }
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Reminder => "reminder",
            Self::Digest => "digest",
            Self::Folded => "folded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_has_the_numbers_of_ntopng_and_of_syslog() {
        let table = [
            (Severity::None, "none", 0, 7),
            (Severity::Debug, "debug", 1, 7),
            (Severity::Info, "info", 2, 6),
            (Severity::Notice, "notice", 3, 5),
            (Severity::Warning, "warning", 4, 4),
            (Severity::Error, "error", 5, 3),
            (Severity::Critical, "critical", 6, 2),
            (Severity::Alert, "alert", 7, 1),
            (Severity::Emergency, "emergency", 8, 0),
        ];
        for (severity, name, ntopng, syslog) in table {
            assert_eq!(severity.name(), name);
            assert_eq!((severity.number(), severity.syslog()), (ntopng, syslog), "{name}");
        }
    }
}
