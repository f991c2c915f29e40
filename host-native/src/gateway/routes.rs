//! What an HTTP request gets. Paths are compared as they were sent: nothing is decoded, so nothing has two spellings.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /a/HASH/FILE` | the page |
//! | `GET /api/targets` | names and titles |
//! | `POST /api/token` | a token, for an allowed page or for a secret |
//! | `GET /ws/NAME` | the WebSocket to a target |
//! | `GET /metrics` | counters |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Gateway;
use super::limits::{Group, Place};
use super::metrics;
use super::origin::Caller;
use super::page::Asset;
use super::refusal::Refusal;
use super::tunnel::{self, Session};
use super::visitor::Visitor;

/// The one subprotocol that is spoken: that of websockify, which is the bytes themselves.
const BINARY: &str = "binary";
/// A client may offer its token like another subprotocol.
const TOKEN_PREFIX: &str = "token.";

/// Nothing from elsewhere, nothing inline; WebAssembly may be compiled.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
                      img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'self'; \
                      form-action 'none'; frame-ancestors 'none'";

/// They go with each answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What the requests of a connection have in common.
#[derive(Clone)]
pub struct Asked {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Who asks.
    pub visitor: Visitor,
    /// The connection's place.
    pub place: Arc<Place>,
}

impl Asked {
    /// Answers a request.
    pub async fn answer<B>(mut self, request: Request<B>) -> Response {
        let (mut parts, _) = request.into_parts();
        let path = parts.uri.path().to_owned();
        self.visitor = self.visitor.of_request(&parts.headers, &self.gateway.settings.trusted_proxies);
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        let mut response = if let Some(name) = path.strip_prefix("/ws/") {
            match self.session(name, &mut parts).await {
                Ok(response) => response,
                Err(refusal) => self.refuse(refusal, &path),
            }
        } else {
            self.gateway.metrics.requests.inc();
            match path.as_str() {
                "/api/token" if parts.method == Method::POST => self.token(&parts.headers),
                "/metrics" if reads => self.metrics(),
                _ if !reads => text(StatusCode::METHOD_NOT_ALLOWED, "this can't be done here\n"),
                "/api/token" => text(StatusCode::METHOD_NOT_ALLOWED, "a token is asked for with POST\n"),
                _ => match self.gateway.settings.origins.host(&parts.headers) {
                    Ok(_) => self.read(&path, &parts.headers),
                    Err(refusal) => self.refuse(refusal, &path),
                },
            }
        };
        for (name, value) in ALWAYS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if parts.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    fn read(&self, path: &str, headers: &HeaderMap) -> Response {
        let page = &self.gateway.settings.page;
        match path {
            "/" => file(page.index(), headers),
            "/api/targets" => self.targets(headers),
            _ => match path.strip_prefix("/a/").and_then(|path| page.asset(path)) {
                Some(asset) => file(asset, headers),
                None => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
            },
        }
    }

    fn targets(&self, headers: &HeaderMap) -> Response {
        let targets = self.gateway.settings.targets.iter();
        let targets: Vec<_> = targets.map(|target| json!({ "name": target.name, "title": target.title })).collect();
        let caller = self.gateway.settings.origins.judge(headers, self.visitor.secure);
        json_for(caller.ok().as_ref(), StatusCode::OK, &json!({ "targets": targets }))
    }

    fn metrics(&self) -> Response {
        if !self.gateway.settings.open_metrics && (self.visitor.relayed || !self.visitor.client.ip().is_loopback()) {
            return text(StatusCode::NOT_FOUND, "there is nothing here\n");
        }
        let open = self.gateway.places.taken();
        let mut response = Response::new(Body::from(self.gateway.metrics.text(open)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        response
    }

    /// A page gets a token because it is one of those that may, a program because it knows a secret.
    fn token(&self, headers: &HeaderMap) -> Response {
        let origins = &self.gateway.settings.origins;
        let judged = origins.judge(headers, self.visitor.secure);
        let caller = judged.as_ref().ok();
        let issued = judged.clone().and_then(|caller| {
            self.check_rate()?;
            if caller == Caller::Program {
                self.check_secret(headers)?;
            }
            self.gateway.tokens.issue().ok_or(Refusal::TokensFull)
        });
        match issued {
            Ok(token) => {
                let seconds = self.gateway.tokens.lifetime().as_secs_f64();
                json_for(caller, StatusCode::OK, &json!({ "token": token, "seconds": seconds }))
            }
            Err(refusal) => {
                self.note(refusal, "/api/token");
                json_for(caller, refusal.status(), &json!({ "reason": refusal.label(), "error": refusal.text() }))
            }
        }
    }

    fn check_secret(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let given = given.strip_prefix(b"Bearer ").unwrap_or_default();
        let group = self.group();
        if !self.gateway.logins.take(group) {
            return Err(Refusal::Logins);
        }
        // All are looked at, whichever fits.
        let known =
            self.gateway.settings.secrets.iter().fold(0, |found, secret| found | secret.ct_eq(given).unwrap_u8());
        if known == 0 {
            return Err(Refusal::BadSecret);
        }
        self.gateway.logins.give_back(group);
        Ok(())
    }

    fn check_rate(&self) -> Result<(), Refusal> {
        if self.gateway.sessions.take(self.group()) { Ok(()) } else { Err(Refusal::Rate) }
    }

    fn group(&self) -> Group {
        self.visitor.client.ip().into()
    }

    /// The handshake of a WebSocket.
    async fn session(&self, name: &str, parts: &mut axum::http::request::Parts) -> Result<Response, Refusal> {
        let gateway = &self.gateway;
        self.check_rate()?;
        let target = gateway.settings.targets.iter().position(|target| target.name == name).ok_or(Refusal::Target)?;
        let caller = gateway.settings.origins.judge(&parts.headers, self.visitor.secure)?;
        // A token in a URL would stand in logs and histories; so no query is taken at all.
        if parts.uri.query().is_some() {
            return Err(Refusal::Handshake);
        }
        let offered = offered(&parts.headers);
        let token = offered.iter().find_map(|word| word.strip_prefix(TOKEN_PREFIX));
        let speaks_binary = offered.iter().any(|word| word == BINARY);
        if !speaks_binary && offered.iter().any(|word| !word.starts_with(TOKEN_PREFIX)) {
            return Err(Refusal::Handshake);
        }
        let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await.map_err(|_| Refusal::Handshake)?;
        if token.is_some_and(|token| !gateway.tokens.redeem(token)) {
            return Err(Refusal::BadToken);
        }
        let place = gateway.places_of_sessions.take(Some(self.group()))?;
        let session = Session {
            gateway: gateway.clone(),
            target,
            visitor: self.visitor,
            wants_token: token.is_none() && caller == Caller::Program,
            _places: (self.place.clone(), place),
        };
        let bytes_max = gateway.settings.limits.message_bytes as usize;
        let mut upgrade = upgrade.max_message_size(bytes_max).max_frame_size(bytes_max);
        if speaks_binary {
            upgrade.set_selected_protocol(HeaderValue::from_static(BINARY));
        }
        Ok(upgrade.on_upgrade(|socket| tunnel::run(socket, session)))
    }

    fn refuse(&self, refusal: Refusal, path: &str) -> Response {
        self.note(refusal, path);
        text(refusal.status(), &format!("{}\n", refusal.text()))
    }

    fn note(&self, refusal: Refusal, path: &str) {
        // The path is the client's: it must not fill the log.
        let shown: String = path.chars().take(100).collect();
        let line = format!("web request from {} for {shown}: {}", self.visitor.client.ip(), refusal.text());
        self.gateway.refuse(refusal, &line);
    }
}

/// The subprotocols that a client offers.
fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let words = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    words.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

fn text(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON, which an allowed page of another origin may read, too.
fn json_for(caller: Option<&Caller>, status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = text(status, &format!("{value}\n"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(Caller::Page(origin)) = caller
        && let Ok(origin) = HeaderValue::from_str(origin)
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

fn file(asset: Asset, headers: &HeaderMap) -> Response {
    let knows_gzip = headers.get_all(header::ACCEPT_ENCODING).iter().any(|value| {
        let mut words = value.to_str().unwrap_or_default().split(',').map(str::trim);
        words.any(|word| word.starts_with("gzip") && !word.replace(' ', "").ends_with(";q=0"))
    });
    let asset = if knows_gzip { asset } else { asset.inflated() };
    let mut response = Response::new(match asset.bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if asset.is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
