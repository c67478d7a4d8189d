//! Who may do what: tenants, roles, and the tokens that prove them.
//!
//! Every installation has the tenant `default`; its tokens lie in the data folder.

pub mod tokens;

use crate::ids::TenantId;

/// Who sent a request, as its token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub tenant: TenantId,
    pub role: Role,
    /// SHA-256 of the token.
    pub token: [u8; 32],
    /// Alerts that come by it may have addresses banned.
    pub may_ban: bool,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// To hand in alerts, and nothing else.
    Ingest,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Admin, Self::Ingest];

    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
        }
    }

    /// Whether it may do what `needed` may.
    pub fn covers(self, needed: Self) -> bool {
        self == needed || self == Self::Admin
    }
}
