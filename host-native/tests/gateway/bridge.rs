//! A port on which an rsync client finds what is behind a gateway: each connection becomes a WebSocket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::client_async;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

/// How the WebSockets are opened.
#[derive(Clone)]
pub struct Way {
    pub port: u16,
    pub target: &'static str,
    /// The address that the gateway sees.
    pub from: Ipv4Addr,
    pub tls: Option<Arc<ClientConfig>>,
}

/// The port, until it is dropped.
pub struct Bridge {
    pub port: u16,
    _runtime: Runtime,
}

impl Bridge {
    pub fn new(port: u16, target: &'static str) -> Bridge {
        Bridge::by(Way { port, target, from: Ipv4Addr::LOCALHOST, tls: None })
    }

    pub fn by(way: Way) -> Bridge {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(cross(stream, way.clone()));
            }
        });
        Bridge { port, _runtime: runtime }
    }

    /// The URL of a path below a module.
    pub fn url(&self, path: &str) -> String {
        format!("rsync://127.0.0.1:{}/{path}", self.port)
    }
}

async fn cross(stream: TcpStream, way: Way) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((way.from, 0).into()).unwrap();
    let Ok(far) = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, way.port))).await else { return };
    match &way.tls {
        None => carry(stream, far, "", &way).await,
        Some(config) => {
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let far = TlsConnector::from(config.clone()).connect(name, far).await.expect("a TLS handshake");
            carry(stream, far, "s", &way).await;
        }
    }
}

async fn carry(near: TcpStream, far: impl AsyncRead + AsyncWrite + Unpin, s: &str, way: &Way) {
    let place = format!("127.0.0.1:{}", way.port);
    let mut request = format!("ws{s}://{place}/ws/{}", way.target).into_client_request().unwrap();
    request.headers_mut().append("Origin", format!("http{s}://{place}").parse().unwrap());
    request.headers_mut().append("Sec-WebSocket-Protocol", "binary".parse().unwrap());
    // Without one, the rsync client sees its connection closed.
    let Ok((socket, _)) = client_async(request, far).await else { return };
    let (mut sink, mut messages) = socket.split();
    let (mut input, mut output) = near.into_split();
    let up = async {
        let mut piece = vec![0; 50_000];
        while let Ok(count @ 1..) = input.read(&mut piece).await {
            if sink.send(Message::binary(piece[..count].to_vec())).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
        // The rest comes from the other side.
        std::future::pending::<()>().await;
    };
    let down = async {
        while let Some(Ok(message)) = messages.next().await {
            if let Message::Binary(bytes) = message
                && output.write_all(&bytes).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
