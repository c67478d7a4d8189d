//! A recipient as dispatch needs it: resolved once, when the configuration is read.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::guard::By;
use crate::capability::doors::Doors;
use crate::capability::egress::{Grant, Line, Standing};
use crate::capability::files::{FilesDoor, FilesGate, FolderGrant};
use crate::capability::http::{HttpDoor, HttpGate};
use crate::capability::net::{NetDoor, NetGate};
use crate::capability::secrets::oauth2::{Client, Token, TokenError, Tokens};
use crate::capability::secrets::{Credential, CredentialError, Credentials, Keyring, Template};
use crate::delivery::Delivery;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::runtime::bindings::kind::{self, Purpose};
use crate::runtime::{Context, Fault, Formatting, Kind, Made};
use crate::wording::Wording;

/// One configured account or server, and what it may reach.
#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub tenant: TenantId,
    pub name: String,
    pub kind: Arc<Kind>,
    pub grant: Grant,
    /// With markers where secrets were.
    pub settings: Map<String, Value>,
    pub credentials: Vec<Credential>,
    /// Those credentials, for recipients that have none of their own.
    pub shared: Arc<Credentials>,
    /// Access tokens that the engine fetches for it.
    pub tokens: Vec<Client>,
    /// Another value for other versions of its secrets.
    pub secret_versions: [u8; 32],
    pub net: Arc<NetGate>,
    pub files: Arc<FilesGate>,
    pub folders: Arc<[FolderGrant]>,
}

impl Endpoint {
    /// Everything that it may reach, rule by rule; nothing is resolved.
    pub fn rules(&self) -> Vec<Line> {
        let folders = self.folders.iter().map(|one| Line {
            rule: "folder".to_owned(),
            standing: Standing::Passed,
            text: format!("{} for `{}`: {}", one.place, one.name, one.access.name()),
        });
        self.grant.rules().into_iter().chain(folders).collect()
    }
}

/// What a recipient has beside its endpoint.
#[derive(Debug)]
pub struct Own<'a> {
    /// With markers where secrets were.
    pub settings: &'a Map<String, Value>,
    /// The endpoint's, overlaid by the recipient's.
    pub credentials: Arc<Credentials>,
    pub secret_versions: [u8; 32],
    pub wording: Wording,
}

/// One recipient, ready to be sent to.
#[derive(Debug)]
pub struct Destination {
    pub id: RecipientId,
    pub name: String,
    pub endpoint: Arc<Endpoint>,
    /// What it may reach. Connections are not shared with recipients that have other secrets.
    pub grant: Grant,
    pub credentials: Arc<Credentials>,
    /// The effective settings: recipient keys override endpoint keys, secrets are gaps.
    pub template: Template,
    /// Another one with each change, of secrets as well; of their versions, never of their values.
    pub settings_sha256: [u8; 32],
    /// What decides how a connection is used: the component, and the endpoint's settings as this
    /// recipient has them. What only the recipient has, an address for instance, does not.
    pub connections: [u8; 32],
    pub context: Context,
    pub zone: TimeZone,
    /// How it words what alerts say.
    wording: Wording,
    /// Micro-batches of it that are under way at once.
    pub concurrency: usize,
}

/// Who this installation is, to the components.
#[derive(Clone, Debug)]
pub struct Site {
    pub instance: String,
    /// A page about it.
    pub link: Option<String>,
    pub locale: String,
    /// IANA name of `zone`.
    pub zone_name: String,
    pub zone: TimeZone,
}

impl Destination {
    pub fn new(
        id: RecipientId,
        name: &str,
        endpoint: Arc<Endpoint>,
        own: Own<'_>,
        site: &Site,
    ) -> Self {
        let mut settings = endpoint.settings.clone();
        settings.extend(own.settings.iter().map(|(key, value)| (key.clone(), value.clone())));
        let connections = connections(&endpoint, &settings);
        let blanks = endpoint.tokens.iter().map(|client| client.credential(None)).collect();
        let template = match with_tokens(&own.credentials, blanks) {
            Ok(credentials) => Template::new(&settings, &credentials),
            // They are checked already, and blanks are texts.
            Err(_) => Template::new(&settings, &own.credentials),
        };
        let mut hash = Sha256::new();
        hash.update(endpoint.secret_versions);
        hash.update(own.secret_versions);
        hash.update(Value::Object(settings).to_string());
        hash.update(own.wording.source());
        let context = Context {
            settings: template.for_format().to_owned(),
            recipient_id: id.to_string(),
            recipient_name: name.to_owned(),
            endpoint_id: endpoint.id.to_string(),
            instance: site.instance.clone(),
            instance_link: site.link.clone(),
            engine: concat!("campanile/", env!("CARGO_PKG_VERSION")).to_owned(),
            zone: site.zone_name.clone(),
            locale: site.locale.clone(),
            purpose: Purpose::Live,
            omitted: 0,
            group: Vec::new(),
            extra: Vec::new(),
        };
        let asked = usize::try_from(endpoint.kind.descriptor.concurrency).unwrap_or(usize::MAX);
        Self {
            id,
            name: name.to_owned(),
            grant: endpoint.grant.clone().with_secrets(own.secret_versions),
            credentials: own.credentials,
            template,
            settings_sha256: hash.finalize().into(),
            connections,
            context,
            zone: site.zone.clone(),
            wording: own.wording,
            concurrency: asked.clamp(1, 64),
            endpoint,
        }
    }

    /// Whose requests these are, to the guard.
    pub(super) fn by(&self) -> By {
        By { tenant: self.endpoint.tenant, endpoint: self.endpoint.id }
    }

    /// The access tokens that its endpoint needs, one for each.
    pub async fn tokens(&self, tokens: &Tokens, until: Instant) -> Result<Vec<Token>, TokenError> {
        let mut found = Vec::with_capacity(self.endpoint.tokens.len());
        for client in &self.endpoint.tokens {
            found.push(tokens.get(client, until).await?);
        }
        Ok(found)
    }

    /// A service said that it does not know who we are: whether other tokens are worth a try.
    pub fn refused(&self, tokens: &Tokens, found: &[Token]) -> bool {
        let clients = self.endpoint.tokens.iter().zip(found);
        // All of them are to be forgotten, whichever it was.
        clients.filter(|(client, token)| tokens.refused(client, token)).count() > 0
    }

    /// Formats deliveries, their alerts in this recipient's words.
    pub async fn format(
        &self,
        formatting: &mut Formatting,
        deliveries: &[Delivery],
        context: &Context,
    ) -> Result<Result<Made, kind::Fault>, Fault> {
        let worded = self.wording.applied(deliveries, &self.zone).await;
        formatting.call(worded.as_deref().unwrap_or(deliveries), context, &self.zone).await
    }

    /// Everything that one store of this recipient's is given.
    pub fn doors(&self, gate: &Arc<HttpGate>, tokens: &[Token]) -> Doors {
        let http = HttpDoor::new(Arc::clone(gate), self.grant.clone());
        let Endpoint { net, files, folders, .. } = &*self.endpoint;
        let clients = self.endpoint.tokens.iter().zip(tokens);
        let given = clients.map(|(client, token)| client.credential(Some(token))).collect();
        let credentials = with_tokens(&self.credentials, given).unwrap_or_default();
        let net = NetDoor::new(Arc::clone(net), self.grant.clone(), self.connections);
        let files = FilesDoor::new(Arc::clone(files), Arc::clone(folders));
        Doors::new(http, net, files, Keyring::mint(credentials))
    }

    /// The settings for the store that `doors` were made for, with its placeholders.
    pub fn settings(&self, doors: &Doors) -> String {
        doors.keyring.settings(&self.template)
    }
}

fn connections(endpoint: &Endpoint, settings: &Map<String, Value>) -> [u8; 32] {
    let of_endpoint = settings.iter().filter(|(key, _)| endpoint.settings.contains_key(*key));
    let of_endpoint: Map<_, _> =
        of_endpoint.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut hash = Sha256::new();
    hash.update(endpoint.kind.digest);
    hash.update(Value::Object(of_endpoint).to_string());
    hash.finalize().into()
}

fn with_tokens(
    credentials: &Arc<Credentials>,
    tokens: Vec<Credential>,
) -> Result<Arc<Credentials>, CredentialError> {
    if tokens.is_empty() {
        return Ok(Arc::clone(credentials));
    }
    credentials.with(tokens).map(Arc::new)
}
