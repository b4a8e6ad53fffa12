//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 section 3.4): a device asks
//! whether its user has decided.

use dpop::Thumbprint;
use shared::oauth::{DeviceCodeRequest, TokenResponse};

use super::{
    GrantError,
    authorization_code::{begin, check_resource, family_life, is_revoked},
};
use crate::{
    AuthServer,
    domain::{Client, Device, DeviceCode, Told},
};

/// Answers a device, with tokens if its user has said yes. They are handed out once.
pub(crate) async fn redeem_device_code(
    server: &AuthServer,
    client: &Client,
    request: DeviceCodeRequest,
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    if !client.devices {
        return Err(GrantError::NoDevice);
    }
    let ticket = DeviceCode::parse(request.device_code.expose());
    let ticket = ticket.ok_or(GrantError::UnknownDeviceCode)?;
    check(server, client, &ticket, request.resource.as_deref()).await?;
    let now = server.now();
    let devices = &server.repo().devices;
    let device = devices.ask(&ticket, now).await?.ok_or(GrantError::ExpiredDeviceCode)?;
    let mut code = match device.told(now) {
        Told::Wait => return Err(GrantError::Undecided),
        Told::SlowDown => return Err(GrantError::Hasty),
        Told::Denied => return Err(GrantError::Denied),
        Told::Expired => return Err(GrantError::ExpiredDeviceCode),
        Told::Served => return Err(GrantError::SpentDeviceCode),
        Told::Allowed(code) => code,
    };
    // While nothing is spent yet, so that a store which fails here costs nobody a login.
    server.repo().clients.keep(client).await?;
    code.grant.key = key;
    // As for codes, the family decides between all who ask at once.
    let begun = begin(server, client, &code, now + family_life(server, client)).await?;
    let Some(begun) = begun else {
        let is_revoked = is_revoked(server, &code.family).await?;
        let why = if is_revoked { GrantError::Withdrawn } else { GrantError::SpentDeviceCode };
        return Err(why);
    };
    // The family has decided: what is missing without this is a precise word for who asks again.
    if let Err(error) = devices.serve(&ticket).await {
        tracing::warn!(%error, "a device that has its tokens could not be marked");
    }
    Ok(begun.tell(server))
}

/// Whether the device is this client's. What another client asks does not change its pace.
async fn check(
    server: &AuthServer,
    client: &Client,
    ticket: &DeviceCode,
    resource: Option<&str>,
) -> Result<(), GrantError> {
    let found = server.repo().devices.get(ticket.digest().as_str()).await?;
    let Device { client_id, resource: granted, .. } = found.ok_or(GrantError::ExpiredDeviceCode)?;
    if client_id != client.id {
        return Err(GrantError::UnknownDeviceCode);
    }
    check_resource(server, resource, &granted)
}
