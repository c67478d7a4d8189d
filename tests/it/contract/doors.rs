//! What the call of a case is given: the ways that its settings lead to, and its secrets.

use std::sync::Arc;

use campanile::capability::doors::Doors;
use campanile::capability::egress::{AskedOrigin, Grant, Methods, Way, reach, with_defaults};
use campanile::capability::files::FilesDoor;
use campanile::capability::http::HttpDoor;
use campanile::capability::net::{NetDoor, NetGate};
use campanile::capability::secrets::Keyring;
use campanile::ids::{EndpointId, TenantId};
use serde_json::{Map, Value};

use super::{KindRef, Stage, secrets};

/// The doors, and the settings as the component gets them. Settings that lead nowhere grant nothing,
/// and the component is to say what is wrong: then secrets that cannot be what they should are left
/// as they are.
pub(super) fn open(
    stage: &Stage,
    kind: KindRef<'_>,
    settings: &Map<String, Value>,
    way: Arc<Way>,
    net: &Arc<NetGate>,
) -> Result<(Doors, String), String> {
    let schema = serde_json::from_str(&kind.descriptor.endpoint_schema);
    let schema = schema.map_err(|error: serde_json::Error| error.to_string())?;
    let view = with_defaults(settings, &schema);
    let whole = |url| AskedOrigin { url, methods: Methods::ALL, path: "/" };
    let origins: Vec<_> = kind.manifest.origin.iter().map(|one| whole(one.url.as_str())).collect();
    let targets: Vec<_> = kind.manifest.target.iter().map(|one| one.to.as_str()).collect();
    let reach = reach(&kind.descriptor.reach, &origins, &targets, &view).unwrap_or_default();
    let origins = reach.origins.iter().map(|one| one.origin.to_string());
    let bound_to: Vec<_> = origins.chain(reach.targets.iter().map(ToString::to_string)).collect();
    let grant = Grant::new(TenantId::DEFAULT, EndpointId(1), reach, way);
    let http = HttpDoor::new(Arc::clone(&stage.gate), grant.clone());
    let net = NetDoor::new(Arc::clone(net), grant, [0; 32]);
    let doors = |keyring| Doors::new(http, net, FilesDoor::default(), keyring);
    if bound_to.is_empty() {
        return Ok((doors(Keyring::default()), Value::Object(settings.clone()).to_string()));
    }
    let (credentials, template) = secrets::taken(&kind.manifest, settings, &bound_to)?;
    let doors = doors(Keyring::mint(credentials));
    let settings = doors.keyring.settings(&template);
    Ok((doors, settings))
}
