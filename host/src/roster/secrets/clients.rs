//! Access tokens that an endpoint's settings ask for.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::binding::Bindings;
use super::value;
use crate::capability::egress::{
    Grant, Methods, Origin, OriginGrant, PathPrefix, Reach, ReachError, fill,
};
use crate::capability::secrets::oauth2::{Client, Refresh};
use crate::records::rows::Secrets;
use crate::runtime::OAuth2Asked;

impl Bindings<'_> {
    /// Those whose client id and whose secret or refresh token are set: without them the endpoint
    /// proves itself in some other manner. `grant`: the endpoint's.
    pub(in super::super) fn clients(
        &self,
        grant: &Grant,
        settings: &Map<String, Value>,
        secrets: &Secrets,
    ) -> Result<Vec<Client>, ReachError> {
        let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut clients = Vec::new();
        for asked in &self.kind.manifest.oauth2 {
            let client_secret = value(secrets, &asked.client_secret).cloned();
            let refresh_token = asked.refresh_token.as_ref().and_then(|setting| {
                let value = value(secrets, setting)?.clone();
                Some(Refresh { setting: setting.clone(), value })
            });
            let Some(client_id) = text(&asked.client_id) else { continue };
            if client_secret.is_none() && refresh_token.is_none() {
                continue;
            }
            let token_url = fill(&asked.token_url, &self.view)?;
            clients.push(Client {
                name: asked.name.clone(),
                grant: self.of_token_url(asked, &token_url, grant)?,
                token_url,
                clear_text: self.way.clear_text(),
                client_id,
                client_secret,
                refresh_token,
                scope: asked.scope.as_deref().and_then(text),
                places: asked.places.clone(),
                bound_to: self.resolved(&asked.bound_to)?,
            });
        }
        Ok(clients)
    }

    /// The way to the token URL, and to nothing else.
    fn of_token_url(
        &self,
        asked: &OAuth2Asked,
        token_url: &str,
        grant: &Grant,
    ) -> Result<Grant, ReachError> {
        let template = || asked.token_url.clone();
        let not_url = || ReachError::NotUrl { template: template() };
        let url = Url::parse(token_url).map_err(|_| not_url())?;
        let origin = Origin::of(&url)
            .map_err(|source| ReachError::Origin { template: template(), source })?;
        let path = PathPrefix::parse(url.path()).map_err(|_| not_url())?;
        let methods = Methods::NONE.with(&hyper::Method::POST);
        let origins = vec![OriginGrant { origin, methods, path }];
        let reach = Reach { origins, targets: Vec::new() };
        let way = Arc::new(self.way_of_tokens.clone());
        Ok(Grant::new(grant.tenant, grant.endpoint, reach, way))
    }
}
