//! TLS, by a certificate made for the test.

use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::bridge::{Bridge, Way};
use super::front::{Front, connect, parse};
use super::support::daemon::Daemon;
use super::support::process::run;
use super::support::programs::Program::{Ours, Stock};
use super::support::scratch::Scratch;

/// A certificate, its key, and a client that trusts it.
pub fn certificate(scratch: &Scratch) -> (PathBuf, PathBuf, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (scratch.path().join("cert.pem"), scratch.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (certificate, key, Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The status of the page by TLS.
pub fn get_page(port: u16, config: Arc<ClientConfig>) -> u16 {
    let tls = ClientConnection::new(config, ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, connect(port));
    stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    parse(&answer).status
}

#[test]
fn a_whole_session() {
    let scratch = Scratch::new("gateway tls");
    let dir = scratch.path();
    let (certificate, key, config) = certificate(&scratch);
    fs::create_dir_all(dir.join("store")).unwrap();
    fs::create_dir_all(dir.join("source")).unwrap();
    fs::write(dir.join("source/file"), vec![5; 2 << 20]).unwrap();
    let daemon = Daemon::start(Stock, &dir.join("daemon"), &format!("[mod]\npath = {}\n", dir.join("store").display()));
    let target = format!("--target=nas=rsync://127.0.0.1:{}", daemon.as_ref().unwrap().port);
    let (certificate, key) = (format!("--cert={}", certificate.display()), format!("--key={}", key.display()));
    let front = Front::start(dir, &[&target, &certificate, &key, "--handshake-timeout=1"]);
    assert!(front.log().contains("web gateway at https://127.0.0.1:"));

    assert_eq!(get_page(front.port, config.clone()), 200);

    let way = Way { port: front.port, target: "nas", from: Ipv4Addr::LOCALHOST, tls: Some(config) };
    let bridge = Bridge::by(way);
    let source = format!("{}/", dir.join("source").display());
    let outcome = run(Ours.command().args(["-a", &source, &bridge.url("mod/")]), Duration::from_secs(60));
    assert!(outcome.success(), "{outcome}");
    assert_eq!(fs::read(dir.join("store/file")).unwrap(), vec![5; 2 << 20]);

    // Without TLS there is nothing, and who is slow in it is not waited for.
    let mut plain = connect(front.port);
    plain.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let start = Instant::now();
    let mut silent = connect(front.port);
    silent.write_all(b"\x16\x03\x01").unwrap();
    let _ = silent.read(&mut [0; 10]);
    assert!(start.elapsed() < Duration::from_secs(5));
    front.await_log("the TLS handshake failed");
    front.await_log("the handshake took too long");
}

#[test]
fn certificates_that_are_no_good() {
    let scratch = Scratch::new("gateway pem");
    let (certificate, key, _) = certificate(&scratch);
    let (empty, none) = (scratch.path().join("empty"), scratch.path().join("none"));
    fs::write(&empty, "").unwrap();
    for (certificate, key, expect) in [
        (&none, &key, "can't read the certificate"),
        (&certificate, &none, "can't read the private key"),
        (&empty, &key, "there is no certificate in"),
        (&certificate, &certificate, "can't read the private key"),
    ] {
        let mut command = Ours.command();
        command.args(["gateway", "--target=nas=rsync://127.0.0.1", "--listen=127.0.0.1:0", "--cert"]);
        let outcome = run(command.arg(certificate).arg("--key").arg(key), Duration::from_secs(20));
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(outcome.code == 1 && said.starts_with("syncline gateway: ") && said.contains(expect), "{outcome}");
    }
}
