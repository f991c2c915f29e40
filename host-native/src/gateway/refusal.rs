//! Why a client does not get what it asks for: the label in metrics and log, the answer in HTTP, the answer in a WebSocket.

use axum::http::StatusCode;

/// Makes the reasons of their rows: label, status before a WebSocket exists, close code in one, what the client is told.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $label:literal, $status:ident, $code:literal, $text:literal;)*) => {
        /// A reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// All of them. Each stands in `/metrics` from the start, so that a counter never appears out of nothing.
            pub const ALL: &[Refusal] = &[$(Refusal::$name),*];

            /// Its label in metrics.
            pub fn label(self) -> &'static str {
                match self {
                    $(Refusal::$name => $label,)*
                }
            }

            /// What the client is told.
            pub fn text(self) -> &'static str {
                match self {
                    $(Refusal::$name => $text,)*
                }
            }

            /// Its answer before a WebSocket exists.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Refusal::$name => StatusCode::$status,)*
                }
            }

            /// Its close code in a WebSocket (RFC 6455, 7.4.1, and the registry that it founded).
            pub fn close_code(self) -> u16 {
                match self {
                    $(Refusal::$name => $code,)*
                }
            }
        }
    };
}

refusals! {
    /// All connections are in use.
    Full: "connections", SERVICE_UNAVAILABLE, 1013,
        "the gateway has as many connections as it may; try again later";
    /// All connections of this address are in use.
    AddressFull: "connections_per_address", TOO_MANY_REQUESTS, 1013,
        "there are too many connections from your address";
    /// The TLS handshake or a request took too long.
    SlowHandshake: "handshake_timeout", SERVICE_UNAVAILABLE, 1008,
        "the handshake took too long";
    /// The TLS handshake failed.
    Tls: "tls", SERVICE_UNAVAILABLE, 1008,
        "the TLS handshake failed";
    /// A `Host` that the gateway doesn't know, as in an attack by DNS rebinding.
    Host: "host", MISDIRECTED_REQUEST, 1008,
        "the gateway is not known by this host name; its operator can name it with --origin";
    /// A page of another site.
    Origin: "origin", FORBIDDEN, 1008,
        "pages of this origin may not use the gateway; its operator can allow them with --origin";
    /// No browser, and no token.
    NoToken: "token_missing", UNAUTHORIZED, 1008,
        "without an Origin header a token is needed; POST /api/token gives one";
    /// A token that is unknown, used or too old.
    BadToken: "token_invalid", FORBIDDEN, 1008,
        "the token is unknown, was used already, or is too old";
    /// A secret that is not in the token file.
    BadSecret: "secret", UNAUTHORIZED, 1008,
        "the secret is not one that the gateway knows";
    /// More tokens are waiting to be used than can be kept.
    TokensFull: "tokens", SERVICE_UNAVAILABLE, 1008,
        "too many tokens are waiting to be used; try again in a minute";
    /// No target of that name.
    Target: "target", NOT_FOUND, 1008,
        "the gateway has no such target";
    /// Not a WebSocket's handshake, or one that can't be agreed to.
    Handshake: "websocket_handshake", BAD_REQUEST, 1008,
        "a WebSocket handshake is needed here, with the subprotocol \"binary\" or none, and without a query";
    /// Too many sessions in too short a time.
    Rate: "sessions_per_minute", TOO_MANY_REQUESTS, 1013,
        "too many sessions from your address; try again in a minute";
    /// Greeting or arguments took too long.
    SlowGreeting: "greeting_timeout", SERVICE_UNAVAILABLE, 1008,
        "rsync's greeting and arguments took too long";
    /// No data for too long.
    Idle: "idle_timeout", SERVICE_UNAVAILABLE, 1008,
        "there was no data for too long";
    /// A message larger than the limit.
    TooLarge: "message_bytes", SERVICE_UNAVAILABLE, 1009,
        "a message is larger than the gateway allows";
    /// A message that is not binary.
    NotBinary: "not_binary", SERVICE_UNAVAILABLE, 1003,
        "only binary messages are carried";
    /// Something that is no WebSocket frame.
    Garbage: "garbage", SERVICE_UNAVAILABLE, 1002,
        "what came is not a WebSocket frame";
    /// Too many failed logins.
    Logins: "failed_logins", TOO_MANY_REQUESTS, 1013,
        "too many failed logins from your address; try again in a few minutes";
    /// The target can't be reached.
    Unreachable: "unreachable", SERVICE_UNAVAILABLE, 1011,
        "the gateway can't reach the rsync daemon";
    /// The gateway is being stopped.
    Stopping: "stopping", SERVICE_UNAVAILABLE, 1001,
        "the gateway is being stopped";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_into_a_close_frame() {
        for refusal in Refusal::ALL {
            assert!(refusal.text().len() <= 123, "{refusal:?}");
            assert_eq!(Refusal::ALL.iter().filter(|other| other.label() == refusal.label()).count(), 1, "{refusal:?}");
        }
    }
}
