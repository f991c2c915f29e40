//! The page and the headers around it.

use std::fs;

use super::front::{Front, get, post};
use super::support::scratch::Scratch;

const TARGET: &str = "--target=nas=rsync://127.0.0.1";

#[test]
fn every_answer_is_strict() {
    let scratch = Scratch::new("gateway page");
    let front = Front::start(scratch.path(), &[TARGET, "--title=nas=The \"box\" <1>"]);
    let answers = [
        get(front.port, "/", &[]),
        get(front.port, "/nothing", &[]),
        get(front.port, "/api/targets", &[]),
        get(front.port, "/ws/none", &[]),
        get(front.port, "/", &[("Host", "evil.example")]),
        post(front.port, "/api/token", &[]),
        post(front.port, "/", &[]),
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 200, 404, 421, 401, 405]);
    for answer in &answers {
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{answer:?}"));
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src 'self'",
            "connect-src 'self'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|have| have == part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'") && !policy.contains('*'));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let json: serde_json::Value = serde_json::from_str(&answers[2].body).unwrap();
    assert_eq!(json, serde_json::json!({ "targets": [{ "name": "nas", "title": "The \"box\" <1>" }] }));
}

#[test]
fn a_folder_is_served_as_it_is() {
    let scratch = Scratch::new("gateway folder");
    let www = scratch.path().join("www");
    fs::create_dir_all(www.join("sub")).unwrap();
    fs::write(scratch.path().join("secret"), "secret").unwrap();
    fs::write(www.join("index.html"), "<!doctype html><head><script src=\"app.js\"></script>").unwrap();
    fs::write(www.join("app.js"), "1").unwrap();
    fs::write(www.join("sub/x.wasm"), "2").unwrap();
    let front = Front::start(scratch.path(), &[TARGET, &format!("--page={}", www.display())]);
    let index = get(front.port, "/", &[]);
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    let base = index.body.split_once("<base href=\"").unwrap().1.split_once('"').unwrap().0;
    let script = get(front.port, &format!("/{base}app.js"), &[]);
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    let wasm = get(front.port, &format!("/{base}sub/x.wasm"), &[]);
    assert_eq!((wasm.body.as_str(), wasm.header("content-type")), ("2", Some("application/wasm")));
    for path in ["../secret", "sub/../../secret", "%2e%2e/secret", "/etc/passwd", "sub", "", "none"] {
        assert_eq!(get(front.port, &format!("/{base}{path}"), &[]).status, 404, "{path}");
    }
}

#[test]
fn metrics_are_for_this_machine() {
    let scratch = Scratch::new("gateway metrics");
    let front = Front::start(scratch.path(), &[TARGET]);
    assert_eq!(get(front.port, "/metrics", &[]).status, 200);
    // A reverse proxy on this machine speaks for others.
    assert_eq!(get(front.port, "/metrics", &[("X-Forwarded-For", "192.0.2.1")]).status, 404);
    assert_eq!(get(front.port, "/metrics", &[("Via", "1.1 proxy")]).status, 404);
    let front = Front::start(scratch.path(), &[TARGET, "--metrics"]);
    assert_eq!(get(front.port, "/metrics", &[("X-Forwarded-For", "192.0.2.1")]).status, 200);
}

#[test]
fn trusted_proxies_name_the_client() {
    let scratch = Scratch::new("gateway proxies");
    let forged = [("X-Forwarded-For", "192.0.2.1"), ("Origin", "http://evil.example")];
    let front = Front::start(scratch.path(), &[TARGET]);
    get(front.port, "/ws/nas", &forged);
    front.await_log("web request from 127.0.0.1 for /ws/nas");
    let front = Front::start(scratch.path(), &[TARGET, "--trusted-proxy=127.0.0.1"]);
    get(front.port, "/ws/nas", &forged);
    front.await_log("web request from 192.0.2.1 for /ws/nas");
    // Behind a proxy that speaks TLS, the gateway's own pages are https.
    let host = format!("127.0.0.1:{}", front.port);
    let origin = format!("https://{host}");
    let headers = [("X-Forwarded-Proto", "https"), ("Origin", origin.as_str())];
    assert_eq!(post(front.port, "/api/token", &headers).status, 200);
    assert_eq!(post(front.port, "/api/token", &headers[1..]).status, 403);
}
