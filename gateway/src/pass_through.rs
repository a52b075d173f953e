//! A request that passes through with a credential of the client's own: authenticate, open its row, send it on as it
//! came, classify, record.
//!
//! The steps of `flow.rs` without a lease. Invariants: off unless it was asked for, and only where nothing beyond loopback
//! is listened on; a virtual key in a header of its own says who asks, and ends here; the vendor's origin is the only
//! place it leads to; the client's credential is looked at for its family and nothing of it is kept; what comes back goes
//! to the client byte for byte, touches nobody's standing and is never asked for again (docs/plan-logins.md).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::Full;
use keyreeve_broker::{Beyond, Broker, Client, Terms};
use keyreeve_core::inject::Fate;
use keyreeve_core::limits;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::pass_through::{self, CREDENTIAL_HEADERS, KEY_HEADER, NotCarried};
use keyreeve_core::price::Paid;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::Presented;
use keyreeve_os::world;
use keyreeve_store::Operation;

use crate::authenticate::credentials;
use crate::classify::classify;
use crate::error::Refusal;
use crate::forward::{Failed, forward};
use crate::inject::{Outgoing, passing, url};
use crate::listen::Bound;
use crate::mask::Mask;
use crate::models::whole;
use crate::record::record;
use crate::replay::{Asked, read_whole};
use crate::routes::Forwarded;
use crate::{Config, Gateway};

/// Where a plan's login is told how far its windows are used up.
const USAGE: &str = "/api/oauth/usage";

/// Where requests with a credential of the client's own are sent on to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassThrough {
    to: BaseUrl,
    beyond: Beyond,
}

/// Something beyond loopback is listened on, so that others could have their requests passed through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("pass-through is for this machine alone, and {0} is no loopback address")]
pub struct BeyondLoopback(SocketAddr);

/// Why a request does not pass through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotPassed {
    #[error(
        "pass-through is off: `keyreeve serve --pass-through`, or pass_through = true under [serve] in the configuration, turns it on"
    )]
    Off,
    #[error(
        "no keyreeve key: pass-through wants one in x-keyreeve-key, beside your own credential (`keyreeve key add NAME --pass-through`)"
    )]
    NoKey,
    #[error("x-keyreeve-key must stand once and hold one keyreeve key (krv_…)")]
    NotOneKey,
    #[error(transparent)]
    NotCarried(#[from] NotCarried),
}

impl PassThrough {
    /// Leads to the vendor's own API.
    ///
    /// # Errors
    /// [`BeyondLoopback`].
    pub fn to_the_vendor(bound: &Bound) -> Result<Self, BeyondLoopback> {
        loopback_alone(bound.addresses())?;
        Ok(Self {
            to: BaseUrl::of_the_vendor(),
            beyond: Beyond::Vendor,
        })
    }

    /// Leads to a sandbox.
    ///
    /// # Errors
    /// [`BeyondLoopback`].
    pub fn to_a_sandbox(to: BaseUrl, bound: &Bound) -> Result<Self, BeyondLoopback> {
        loopback_alone(bound.addresses())?;
        Ok(Self {
            to,
            beyond: Beyond::Sandbox,
        })
    }

    /// Where it leads.
    pub fn leads_to(&self) -> &BaseUrl {
        &self.to
    }
}

fn loopback_alone(addresses: &[SocketAddr]) -> Result<(), BeyondLoopback> {
    let beyond = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    match addresses.iter().find(beyond) {
        Some(address) => Err(BeyondLoopback(*address)),
        None => Ok(()),
    }
}

/// Answers one request that is to pass through.
pub(crate) async fn answer(gateway: Arc<Gateway>, route: Forwarded, request: Request) -> Response {
    pass_on(&gateway, route, request)
        .await
        .unwrap_or_else(Refusal::into_response)
}

async fn pass_on(
    gateway: &Gateway,
    route: Forwarded,
    request: Request,
) -> Result<Response, Refusal> {
    let way = turned_on(&gateway.config)?;
    let client = authenticate(&gateway.broker, request.headers())?;
    let paid = paid_by(request.headers())?;
    ours_ends_here(&request)?;

    let asked = read_whole(gateway, route, request).await?;
    asked.names_what_is_allowed(&client)?;

    let terms = Terms {
        paid,
        beyond: way.beyond,
    };
    let passage = gateway.broker.passage(&client, asked.ask(), terms).await?;
    let outgoing = as_it_came(&asked, way);

    let came = forward(&gateway.upstream, outgoing).await;
    let verdict = classify(&came);
    let answer = record(passage, verdict, came).await?;

    understood(&gateway.broker, &client, &asked, answer).await
}

fn turned_on(config: &Config) -> Result<&PassThrough, NotPassed> {
    config.pass_through.as_ref().ok_or(NotPassed::Off)
}

/// Who asks: the holder of the virtual key that stands beside the client's own credential.
fn authenticate(broker: &Arc<Broker>, headers: &HeaderMap) -> Result<Client, Refusal> {
    let presented = presented(headers)?;
    Ok(broker.client(&presented)?)
}

fn presented(headers: &HeaderMap) -> Result<Presented, Refusal> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(NotPassed::NoKey.into()),
        (Some(value), None) => value.to_str().map_err(|_| NotPassed::NotOneKey)?.trim(),
        (Some(_), Some(_)) => return Err(NotPassed::NotOneKey.into()),
    };
    match Family::of(value) {
        Family::VirtualKey => Presented::parse(value).map_err(Refusal::MistypedKey),
        Family::AdminVirtualKey => Err(Refusal::AdminKey),
        _ if value.is_empty() => Err(NotPassed::NoKey.into()),
        _ => Err(NotPassed::NotOneKey.into()),
    }
}

/// Who pays: told by the family of what the client carries.
fn paid_by(headers: &HeaderMap) -> Result<Paid, NotPassed> {
    let carried = credentials(headers).filter(|value| !value.is_empty());
    Ok(pass_through::paid_by(
        carried.flat_map(pass_through::carried),
    )?)
}

/// No key of keyreeve's own is sent to the vendor, whichever header or query a client put it into.
fn ours_ends_here(request: &Request) -> Result<(), NotPassed> {
    let passes = |name: &str| pass_through::header(name) == Fate::Pass;
    let headers = request.headers().iter();
    let mut values = headers
        .filter(|(name, _)| passes(name.as_str()))
        .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()))
        .chain(request.uri().query().map(Cow::Borrowed));
    if values.any(|value| pass_through::holds_our_key(&value)) {
        return Err(NotCarried::VirtualKey.into());
    }
    Ok(())
}

/// The request that goes on: the client's own, without what belongs to this connection and to keyreeve. Compression is
/// not asked for, as on every other route: the usage must be read.
fn as_it_came(asked: &Asked, way: &PassThrough) -> Result<Outgoing, Failed> {
    let mut headers = passing(&asked.headers, pass_through::header);
    for name in CREDENTIAL_HEADERS {
        if let header::Entry::Occupied(mut values) = headers.entry(name) {
            // No log that prints headers prints these.
            values
                .iter_mut()
                .for_each(|value| value.set_sensitive(true));
        }
    }
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let version = match asked.operation {
        Operation::Messages | Operation::CountTokens | Operation::Models => "/v1",
        Operation::Account => "",
    };
    let mut request = axum::http::Request::new(Full::new(asked.body.clone()));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = url(asked, &format!("{}{version}", way.to))?;
    *request.headers_mut() = headers;
    Ok(Outgoing {
        request,
        // What an upstream echoes of the client's own credential goes to the client alone.
        mask: Mask::none(),
    })
}

/// Remembers the windows that the account's usage tells; the answer passes as it is.
async fn understood(
    broker: &Broker,
    client: &Client,
    asked: &Asked,
    answer: Response,
) -> Result<Response, Refusal> {
    if asked.path != USAGE || !answer.status().is_success() {
        return Ok(answer);
    }
    let answer = whole(asked.id, answer).await?;
    let windows = limits::of_usage(answer.body(), world::now());
    broker.see_windows(client, windows);
    Ok(answer.map(Body::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn su_01_nothing_passes_through_for_others() {
        for (addresses, expected) in [
            (&["127.0.0.1:1", "[::1]:1"][..], "ok"),
            (&["127.8.8.8:1"], "ok"),
            (&["[::ffff:127.0.0.1]:1"], "ok"),
            (&["127.0.0.1:1", "0.0.0.0:1"], "0.0.0.0:1"),
            (&["[::]:1"], "[::]:1"),
            (&["192.168.0.1:1"], "192.168.0.1:1"),
        ] {
            let parsed: Vec<SocketAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
            let got = match loopback_alone(&parsed) {
                Ok(()) => "ok".to_owned(),
                Err(BeyondLoopback(address)) => address.to_string(),
            };
            assert_eq!(got, expected, "{addresses:?}");
        }
    }
}
