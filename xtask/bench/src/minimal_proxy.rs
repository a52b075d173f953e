//! A minimal proxy on the same HTTP library as keyreeve: it checks one key, swaps it for a credential and streams both
//! bodies. It is what a proxy of this kind costs before it does anything else.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::uri::{Authority, Scheme, Uri};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;

use crate::arguments::Arguments;
use crate::certificate;
use crate::runtime;

/// Values that are the same for every request.
#[derive(Clone)]
struct Swap {
    key: HeaderValue,
    credential: HeaderValue,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
}

/// Runs the proxy at `--port` in front of `--upstream`; `--ca-file` is the authority of an upstream with TLS.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let upstream: Uri = arguments.parsed("upstream")?;
    let authority = upstream.authority().context("--upstream has no host")?;
    let credential = format!("Bearer {}", arguments.required("credential")?);
    let swap = Swap {
        key: HeaderValue::from_str(arguments.required("key")?)?,
        credential: HeaderValue::from_str(&credential)?,
        scheme: upstream
            .scheme()
            .context("--upstream has no scheme")?
            .clone(),
        host: HeaderValue::from_str(authority.as_str())?,
        authority: authority.clone(),
    };
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    match arguments.text("ca-file") {
        None => runtime::block_on(serve(arguments, swap, tcp)),
        Some(file) => {
            tcp.enforce_http(false);
            let tls = HttpsConnectorBuilder::new()
                .with_tls_config(certificate::client_config(file)?)
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            runtime::block_on(serve(arguments, swap, tls))
        }
    }
}

async fn serve<C>(arguments: &Arguments, swap: Swap, connector: C) -> Result<()>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client: Client<C, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    runtime::serve(arguments, move |request| {
        let answer = swap.apply(request).map(|request| client.request(request));
        async move {
            Ok::<_, Infallible>(match answer {
                Some(response) => response
                    .await
                    .map_or_else(|error| failed(&error), into_response),
                None => status(StatusCode::UNAUTHORIZED),
            })
        }
    })
    .await
}

type ResponseBody = Either<Incoming, Empty<Bytes>>;

fn into_response(response: Response<Incoming>) -> Response<ResponseBody> {
    response.map(Either::Left)
}

fn failed(_error: &ClientError) -> Response<ResponseBody> {
    status(StatusCode::BAD_GATEWAY)
}

fn status(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}

impl Swap {
    /// Returns the request for the upstream, or `None` if the key is not the expected one.
    fn apply(&self, mut request: Request<Incoming>) -> Option<Request<Incoming>> {
        let headers = request.headers_mut();
        if headers.remove("x-api-key")? != self.key {
            return None;
        }
        headers.insert(AUTHORIZATION, self.credential.clone());
        headers.insert(HOST, self.host.clone());
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
        Some(request)
    }
}
