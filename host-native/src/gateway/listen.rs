//! Connections: accepted within bounds, with TLS or without, and given to HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Gateway;
use super::refusal::Refusal;
use super::routes::Asked;
use super::visitor::Visitor;

/// A request's head must fit in here.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// A browser may keep a connection for its next request, but not for good: it can always make another.
const HTTP_AT_MOST: Duration = Duration::from_secs(120);

/// Accepts connections until the gateway is being stopped.
pub async fn accept(gateway: Arc<Gateway>, listener: TcpListener) {
    let mut stopping = gateway.stopping.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, peer)) => drop(tokio::spawn(connection(gateway.clone(), stream, peer))),
            // Most likely there are too many open files: it must not be tried without a pause.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(gateway: Arc<Gateway>, stream: TcpStream, peer: SocketAddr) {
    gateway.metrics.connections.inc();
    let Ok(local) = stream.local_addr() else { return };
    let visitor = Visitor::of_connection(peer, local, gateway.settings.tls.is_some());
    let address = visitor.client.ip();
    // A reverse proxy's connections are those of many clients.
    let group = (!gateway.settings.trusted_proxies.contains(&address)).then(|| address.into());
    let refused =
        |refusal: Refusal| gateway.refuse(refusal, &format!("web connection from {address}: {}", refusal.text()));
    let place = match gateway.places.take(group) {
        Ok(place) => Arc::new(place),
        Err(refusal) => return refused(refusal),
    };
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
    let asked = Asked { gateway: gateway.clone(), visitor, place };
    let served = match &gateway.settings.tls {
        None => http(stream, asked).await,
        Some(tls) => {
            let limit = gateway.settings.limits.handshake_timeout;
            match timeout(limit, TlsAcceptor::from(tls.clone()).accept(stream)).await {
                Ok(Ok(stream)) => http(stream, asked).await,
                Ok(Err(_)) => Err(Refusal::Tls),
                Err(_) => Err(Refusal::SlowHandshake),
            }
        }
    };
    if let Err(refusal) = served {
        refused(refusal);
    }
}

/// Answers the requests of a connection. A WebSocket goes on by itself, with a place of its own.
async fn http(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, asked: Asked) -> Result<(), Refusal> {
    let limit = asked.gateway.settings.limits.handshake_timeout;
    let is_answered = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let is_answered = is_answered.clone();
        move |request| {
            let asked = asked.clone();
            is_answered.store(true, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(asked.answer(request).await) }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(HEAD_BYTES_MAX);
    let serving = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    match timeout(HTTP_AT_MOST, serving).await {
        // Who has had an answer and then falls silent is no attacker.
        Ok(Err(error)) if error.is_timeout() && !is_answered.load(Ordering::Relaxed) => Err(Refusal::SlowHandshake),
        _ => Ok(()),
    }
}
