//! Logging in to a module that has `auth users` (spec 5.8).

use syncline_core::Exit;
use syncline_core::checksum::AuthDigest;
use syncline_core::session::greeting::ServerEvent;

use super::config::Section;
use super::params::P;
use super::worker::Worker;
use super::{End, auth, sys};

impl Worker<'_> {
    /// Who the client is: nobody in particular in a module that is open to all. Also whether the user's rule says
    /// something about `read only`.
    pub(super) fn authenticate(&mut self, section: &Section, module: &[u8]) -> Result<(Vec<u8>, Option<bool>), End> {
        let rules = self.text(section, P::AuthUsers)?;
        if rules.is_empty() {
            return Ok((Vec::new(), None));
        }
        let Some(digest) = self.greeting.digest() else {
            self.greeting.refuse_digests();
            return Err(End::Exit(Exit::UNSUPPORTED.0));
        };
        if let Err(reason) = floor(digest, &self.text(section, P::AuthDigest)?) {
            return Err(self.auth_failed(module, b"", reason.as_bytes()));
        }
        self.challenge(digest)?;
        let event = match self.next_event() {
            // A client that finds no password of its own says nothing at all.
            Err(End::Close) => return Err(self.auth_failed(module, b"", b"invalid challenge response")),
            event => event?,
        };
        let (user, response) = match event {
            ServerEvent::Response { user, response } => (user, response),
            ServerEvent::BadResponse => {
                return Err(self.auth_failed(module, b"", b"invalid challenge response"));
            }
            _ => return Err(End::Close),
        };
        match self.judge(section, &rules, &user, &response)? {
            Ok(read_only) => Ok((user, read_only)),
            Err(reason) => Err(self.auth_failed(module, &user, reason.as_bytes())),
        }
    }

    /// Sends a digest of random bytes in its text form: as long as stock's for the same digest.
    fn challenge(&mut self, digest: AuthDigest) -> Result<(), End> {
        let mut random = [0; 32];
        if sys::random(&mut random).is_err() {
            self.log.warn("no random numbers to be had");
            return Err(End::Exit(Exit::UNSUPPORTED.0));
        }
        self.greeting.challenge(digest.respond(&random, b"", false));
        Ok(())
    }

    fn judge(
        &mut self,
        section: &Section,
        rules: &[u8],
        user: &[u8],
        response: &[u8],
    ) -> Result<Result<Option<bool>, &'static str>, End> {
        let admitted = match auth::admit(rules, user, || auth::groups_of(user)) {
            Ok(admitted) => admitted,
            Err(reason) => return Ok(Err(reason)),
        };
        let file = self.text(section, P::SecretsFile)?;
        let strict = section.values.on(P::StrictModes);
        let group = admitted.group.as_deref();
        let verifies = |password: &[u8]| self.greeting.verifies(password, response);
        let checked = auth::check_secret(&file, strict, user, group, &self.log, verifies);
        Ok(checked.map(|()| admitted.read_only))
    }

    /// The client learns nothing of the reason.
    fn auth_failed(&mut self, module: &[u8], user: &[u8], reason: &[u8]) -> End {
        let mut line = [b"auth failed on module ", module, b" from ", &self.who()].concat();
        if !user.is_empty() {
            line.extend_from_slice(b" for ");
            line.extend_from_slice(user);
        }
        line.extend_from_slice(b": ");
        line.extend_from_slice(reason);
        self.log.warn(line);
        self.refuse(&[b"auth failed on module ", module].concat())
    }
}

/// Whether a digest is as strong as `auth digest` demands.
fn floor(digest: AuthDigest, demanded: &[u8]) -> Result<(), String> {
    if demanded.is_empty() {
        return Ok(());
    }
    let rank = |wanted: &dyn Fn(&AuthDigest) -> bool| AuthDigest::ALL.iter().position(wanted);
    let shown = String::from_utf8_lossy(demanded);
    let Some(least) = rank(&|known| demanded.eq_ignore_ascii_case(known.name().as_bytes())) else {
        return Err(format!("the configured 'auth digest = {shown}' is not a supported digest on this build"));
    };
    if rank(&|known| *known == digest) <= Some(least) {
        return Ok(());
    }
    let name = digest.name();
    Err(format!("negotiated auth digest {name} is weaker than the required 'auth digest = {shown}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors() {
        assert_eq!(floor(AuthDigest::Md4, b""), Ok(()));
        assert_eq!(floor(AuthDigest::Sha512, b"SHA256"), Ok(()));
        assert_eq!(floor(AuthDigest::Sha256, b"sha256"), Ok(()));
        let weak = floor(AuthDigest::Md5, b"sha1").unwrap_err();
        assert_eq!(weak, "negotiated auth digest md5 is weaker than the required 'auth digest = sha1'");
        let unknown = floor(AuthDigest::Sha512, b"sha3").unwrap_err();
        assert_eq!(unknown, "the configured 'auth digest = sha3' is not a supported digest on this build");
    }
}
