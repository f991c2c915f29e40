//! Why a client does not get what it asks for: the label in metrics and log, the answer in HTTP, the answer in a WebSocket.

use axum::http::StatusCode;

/// A reason. Each stands in `/metrics` from the start, so that a counter never appears out of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// All connections are in use.
    Full,
    /// All connections of this address are in use.
    AddressFull,
    /// The TLS handshake or a request took too long.
    SlowHandshake,
    /// The TLS handshake failed.
    Tls,
    /// A `Host` that the gateway doesn't know, as in an attack by DNS rebinding.
    Host,
    /// A page of another site.
    Origin,
    /// No browser, and no token.
    NoToken,
    /// A token that is unknown, used or too old.
    BadToken,
    /// A secret that is not in the token file.
    BadSecret,
    /// More tokens are waiting to be used than can be kept.
    TokensFull,
    /// No target of that name.
    Target,
    /// Not a WebSocket's handshake, or one that can't be agreed to.
    Handshake,
    /// Too many sessions in too short a time.
    Rate,
    /// Greeting or arguments took too long.
    SlowGreeting,
    /// No data for too long.
    Idle,
    /// A message larger than the limit.
    TooLarge,
    /// A message that is not binary.
    NotBinary,
    /// Something that is no WebSocket frame.
    Garbage,
    /// Too many failed logins.
    Logins,
    /// The target can't be reached.
    Unreachable,
    /// The gateway is being stopped.
    Stopping,
}

use Refusal::*;

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 21] = [
        Full,
        AddressFull,
        SlowHandshake,
        Tls,
        Host,
        Origin,
        NoToken,
        BadToken,
        BadSecret,
        TokensFull,
        Target,
        Handshake,
        Rate,
        SlowGreeting,
        Idle,
        TooLarge,
        NotBinary,
        Garbage,
        Logins,
        Unreachable,
        Stopping,
    ];

    /// Its label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Full => "connections",
            AddressFull => "connections_per_address",
            SlowHandshake => "handshake_timeout",
            Tls => "tls",
            Host => "host",
            Origin => "origin",
            NoToken => "token_missing",
            BadToken => "token_invalid",
            BadSecret => "secret",
            TokensFull => "tokens",
            Target => "target",
            Handshake => "websocket_handshake",
            Rate => "sessions_per_minute",
            SlowGreeting => "greeting_timeout",
            Idle => "idle_timeout",
            TooLarge => "message_bytes",
            NotBinary => "not_binary",
            Garbage => "garbage",
            Logins => "failed_logins",
            Unreachable => "unreachable",
            Stopping => "stopping",
        }
    }

    /// What the client is told.
    pub fn text(self) -> &'static str {
        match self {
            Full => "the gateway has as many connections as it may; try again later",
            AddressFull => "there are too many connections from your address",
            SlowHandshake => "the handshake took too long",
            Tls => "the TLS handshake failed",
            Host => "the gateway is not known by this host name; its operator can name it with --origin",
            Origin => "pages of this origin may not use the gateway; its operator can allow them with --origin",
            NoToken => "without an Origin header a token is needed; POST /api/token gives one",
            BadToken => "the token is unknown, was used already, or is too old",
            BadSecret => "the secret is not one that the gateway knows",
            TokensFull => "too many tokens are waiting to be used; try again in a minute",
            Target => "the gateway has no such target",
            Handshake => {
                "a WebSocket handshake is needed here, with the subprotocol \"binary\" or none, and without a query"
            }
            Rate => "too many sessions from your address; try again in a minute",
            SlowGreeting => "rsync's greeting and arguments took too long",
            Idle => "there was no data for too long",
            TooLarge => "a message is larger than the gateway allows",
            NotBinary => "only binary messages are carried",
            Garbage => "what came is not a WebSocket frame",
            Logins => "too many failed logins from your address; try again in a few minutes",
            Unreachable => "the gateway can't reach the rsync daemon",
            Stopping => "the gateway is being stopped",
        }
    }

    /// Its answer before a WebSocket exists.
    pub fn status(self) -> StatusCode {
        match self {
            Host => StatusCode::MISDIRECTED_REQUEST,
            Origin | BadToken => StatusCode::FORBIDDEN,
            NoToken | BadSecret => StatusCode::UNAUTHORIZED,
            Target => StatusCode::NOT_FOUND,
            Handshake => StatusCode::BAD_REQUEST,
            AddressFull | Rate | Logins => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Its close code in a WebSocket (RFC 6455, 7.4.1, and the registry that it founded).
    pub fn close_code(self) -> u16 {
        match self {
            Garbage => 1002,
            NotBinary => 1003,
            TooLarge => 1009,
            Unreachable => 1011,
            Stopping => 1001,
            Full | AddressFull | Rate | Logins => 1013,
            _ => 1008,
        }
    }
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
