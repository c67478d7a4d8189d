//! The color that stands for how urgent an alert is, where a service shows one.
//!
//! Our own choice, the same for every service, so that red means the same everywhere.

use crate::{Action, Severity};

/// As 0xRRGGBB. A release is green, whatever its condition was.
pub fn of(action: Action, severity: Severity) -> u32 {
    match (action, severity) {
        (Action::Release, _) => 0x002E_CC71,
        (_, Severity::None | Severity::Debug) => 0x0095_A5A6,
        (_, Severity::Info) => 0x0034_98DB,
        (_, Severity::Notice) => 0x001A_BC9C,
        (_, Severity::Warning) => 0x00F1_C40F,
        (_, Severity::Error) => 0x00E6_7E22,
        (_, Severity::Critical) => 0x00E7_4C3C,
        (_, Severity::Alert | Severity::Emergency) => 0x008E_44AD,
    }
}

/// The same as the web writes it: "#E74C3C".
pub fn hex(action: Action, severity: Severity) -> String {
    format!("#{:06X}", of(action, severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_severity_has_its_color_and_a_release_is_green() {
        let table = [
            (Severity::None, "#95A5A6"),
            (Severity::Debug, "#95A5A6"),
            (Severity::Info, "#3498DB"),
            (Severity::Notice, "#1ABC9C"),
            (Severity::Warning, "#F1C40F"),
            (Severity::Error, "#E67E22"),
            (Severity::Critical, "#E74C3C"),
            (Severity::Alert, "#8E44AD"),
            (Severity::Emergency, "#8E44AD"),
        ];
        for (severity, expected) in table {
            assert_eq!(hex(Action::Store, severity), expected);
            assert_eq!(hex(Action::Engage, severity), expected);
            assert_eq!(hex(Action::Release, severity), "#2ECC71", "{severity:?}");
        }
    }
}
