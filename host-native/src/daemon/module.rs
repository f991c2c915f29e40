//! A worker that knows its module: it enters the root, gives up its privileges, reads the client's arguments and hands
//! over to a session (steps 15 to 25 of spec 5.4.1).

use std::os::fd::OwnedFd;

use syncline_core::session::greeting::{Arguments, ServerEvent, unescape};
use syncline_core::{Error, Exit};

use super::config::Section;
use super::hooks::{self, PreXfer};
use super::identity::Identity;
use super::params::P;
use super::paths::{self, Style};
use super::root::{self, Root};
use super::rules::{self, Sources};
use super::sys::{self, Forked};
use super::tree::ModuleTree;
use super::worker::Worker;
use super::{End, Parsed, Served, handover};

/// What the text phase has settled.
pub struct Chosen<'c> {
    /// The module.
    pub section: &'c Section,
    /// Its name.
    pub name: Vec<u8>,
    /// The user, or nothing.
    pub user: Vec<u8>,
    /// What the user's rule says about `read only`.
    pub read_only: Option<bool>,
    /// The connection slot, held as long as this process lives.
    pub _slot: Option<OwnedFd>,
}

/// What is found out before the root is entered.
pub struct Prepared {
    /// Whom to become.
    pub identity: Identity,
    /// Where to go.
    pub root: Root,
    /// The module's rules.
    pub filters: Vec<Vec<u8>>,
    /// The session's seed.
    pub seed: i32,
}

/// Serves the module; returns the exit code of this process.
pub fn enter(mut worker: Worker<'_>, chosen: Chosen<'_>) -> i32 {
    let prepared = match prepare(&mut worker, &chosen) {
        Ok(prepared) => prepared,
        Err(end) => return leave(worker, end),
    };
    match fork_waiter(&mut worker, &chosen) {
        Ok(Waiter::Worker) => {}
        Ok(Waiter::Waiter(pid, command)) => {
            // The client must see the end of the connection when the worker ends, not when the command does.
            let Worker { link, env, .. } = worker;
            drop(link);
            let raw = sys::wait(pid);
            let started = hooks::run_post(&command, &env, raw);
            return if started { sys::exit_status(raw) & 0xff } else { 255 };
        }
        Err(end) => return leave(worker, end),
    }
    match settle(&mut worker, &chosen, &prepared) {
        Ok((hook, words)) => serve(worker, &chosen, prepared, hook, words),
        Err(end) => leave(worker, end),
    }
}

/// Sends what is left to be said, and closes.
fn leave(mut worker: Worker<'_>, end: End) -> i32 {
    if worker.flush().is_ok() {
        worker.link.close();
    }
    end.status()
}

/// Logs a line, refuses the client with a text, and ends.
fn fail(worker: &mut Worker<'_>, text: &[u8], line: &[u8]) -> End {
    worker.log.warn(line);
    worker.refuse(text)
}

/// Steps 15 to 18: everything that needs the daemon's own root and privileges.
fn prepare(worker: &mut Worker<'_>, chosen: &Chosen<'_>) -> Result<Prepared, End> {
    let section = chosen.section;
    let (uid, gid) = (worker.text(section, P::Uid)?, worker.text(section, P::Gid)?);
    let identity = Identity::resolve(&uid, &gid, sys::euid() == 0);
    let identity = identity.map_err(|(text, line)| fail(worker, &text, &line))?;

    let path = worker.text(section, P::Path)?;
    let root = Root::resolve(&path, section.values.tri(P::UseChroot), &chosen.name, &worker.log);
    let root = root.map_err(|(text, line)| fail(worker, text.as_bytes(), &line))?;
    root.check().map_err(|(text, line)| fail(worker, text.as_bytes(), &line))?;
    worker.env.set("RSYNC_MODULE_PATH", &root.full);

    let sources = Sources {
        filter: worker.text(section, P::Filter)?,
        include_from: worker.text(section, P::IncludeFrom)?,
        include: worker.text(section, P::Include)?,
        exclude_from: worker.text(section, P::ExcludeFrom)?,
        exclude: worker.text(section, P::Exclude)?,
    };
    let gathered = rules::gather(&sources).map_err(|line| Error::host(Exit::FILE_IO, line));
    let checked = gathered.and_then(|filters| (worker.start.engine.check_filters)(&filters).map(|()| filters));
    let filters = checked.map_err(|error| End::error(&worker.log, &error))?;

    worker.switch_log(section)?;
    for name in section.values.without_effect() {
        let shown = String::from_utf8_lossy(&chosen.name);
        worker.log.warn(format!("module {shown}: parameter \"{name}\" is not supported and has no effect"));
    }
    let mut seed = [0; 4];
    // A seed that isn't random is only less good: it must not stop the transfer.
    let seed = match sys::random(&mut seed) {
        Ok(()) => i32::from_le_bytes(seed),
        Err(_) => super::log::unix_time() as i32,
    };
    Ok(Prepared { identity, root, filters, seed })
}

enum Waiter {
    /// This process goes on with the connection.
    Worker,
    /// This process waits for that one, and then runs "post-xfer exec".
    Waiter(i32, Vec<u8>),
}

fn fork_waiter(worker: &mut Worker<'_>, chosen: &Chosen<'_>) -> Result<Waiter, End> {
    worker.env.set("RSYNC_PID", std::process::id().to_string().as_bytes());
    let command = worker.text(chosen.section, P::PostXferExec)?;
    if command.is_empty() || hooks::disabled() {
        return Ok(Waiter::Worker);
    }
    match sys::fork() {
        Ok(Forked::Parent(pid)) => Ok(Waiter::Waiter(pid, command)),
        Ok(Forked::Child) => Ok(Waiter::Worker),
        Err(error) => {
            let line = format!("rsync: [Receiver] fork failed: {}", super::log::strerror(&error));
            Err(fail(worker, b"fork failed", line.as_bytes()))
        }
    }
}

/// Steps 19 to 22: hooks, root, identity, and the client's words.
fn settle(
    worker: &mut Worker<'_>,
    chosen: &Chosen<'_>,
    prepared: &Prepared,
) -> Result<(Option<PreXfer>, Vec<Vec<u8>>), End> {
    let hook = start_hooks(worker, chosen)?;
    prepared.root.enter().map_err(|(text, line)| fail(worker, text.as_bytes(), &line))?;
    if handover::munges(chosen.section, &prepared.root) && root::munging_is_unsafe() {
        worker.log.warn("Symlink munging is unsafe when a /rsyncd-munged directory exists.");
        worker.refuse(b"daemon security issue -- contact admin");
        return Err(End::Exit(Exit::UNSUPPORTED.0));
    }
    prepared.identity.assume().map_err(|(text, line)| fail(worker, &text, &line))?;
    worker.greeting.accept();
    worker.arm(chosen.section.values.integer(P::Timeout));
    match worker.next_event()? {
        ServerEvent::Arguments(words) => Ok((hook, words)),
        _ => Err(End::Close),
    }
}

fn start_hooks(worker: &mut Worker<'_>, chosen: &Chosen<'_>) -> Result<Option<PreXfer>, End> {
    let early = worker.text(chosen.section, P::EarlyExec)?;
    let pre = worker.text(chosen.section, P::PreXferExec)?;
    if hooks::disabled() {
        return Ok(None);
    }
    if !early.is_empty() {
        let text: &[u8] = match hooks::run_early(&early, &worker.env, worker.greeting.early_input()) {
            Ok(true) => b"",
            Ok(false) => b"early exec failed",
            Err(_) => b"early exec preparation failed",
        };
        if !text.is_empty() {
            return Err(fail(worker, text, text));
        }
    }
    if pre.is_empty() {
        return Ok(None);
    }
    let text = b"pre-xfer exec preparation failed";
    let hook = PreXfer::start(&pre, &worker.env);
    hook.map(Some).map_err(|_| fail(worker, text, text))
}

/// The second block of words, where secluded args leave the first one without paths.
fn secluded_words(worker: &mut Worker<'_>) -> Result<Vec<Vec<u8>>, End> {
    let mut block = Arguments::secluded();
    loop {
        let fed = block.feed(&worker.link.pending);
        let (taken, words) = fed.map_err(|error| End::error(&worker.log, &error))?;
        worker.link.consume(taken);
        if let Some(words) = words {
            return Ok(words);
        }
        worker.receive()?;
    }
}

/// The words as they are to be parsed: one level of backslashes is taken off the options.
fn plain_words(mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let options = words.iter().position(|word| word == b".").unwrap_or(words.len());
    words[..options].iter_mut().for_each(|word| *word = unescape(word));
    words
}

/// Steps 23 to 25.
fn serve(
    mut worker: Worker<'_>,
    chosen: &Chosen<'_>,
    prepared: Prepared,
    hook: Option<PreXfer>,
    words: Vec<Vec<u8>>,
) -> i32 {
    let (parsed, words) = match parse(&mut worker, chosen, words) {
        Ok(parsed) => parsed,
        Err(end) => return leave(worker, end),
    };
    worker.link.set_deadline(None);
    parsed.notes.iter().for_each(|line| worker.log.warn(line));
    if let Err(error) = worker.greeting.check_range() {
        return End::error(&worker.log, &error).status();
    }
    let plain_chroot = prepared.root.chroot.is_some() && !prepared.root.sanitize();
    let hides = |path: &[u8]| (worker.start.engine.hides)(&prepared.filters, path);
    let style = Style { secluded: parsed.secluded, keep_dots: parsed.relative };
    let tree = ModuleTree { chrooted: plain_chroot, hides };
    let paths = paths::expand(&parsed.paths, &chosen.name, style, &tree);

    let request = request(&parsed.paths);
    let mut refused = parsed.refused.clone();
    let o = &parsed.options;
    if refused.is_none() && o.backup_dir.iter().chain(&o.temp_dir).any(|path| hides(path)) {
        let text = "rsync: Your options have been rejected by the server.";
        refused = Some(Error::host(Exit::UNSUPPORTED, text));
    }
    if let Some(hook) = hook {
        let options = words.iter().take_while(|word| *word != b".").cloned();
        let mut arguments = vec![b"rsyncd".to_vec()];
        // A module that is a root of its own has absolute paths.
        let in_root = |path: &Vec<u8>| match path.strip_prefix(b"./").unwrap_or(path) {
            path if path.starts_with(b"/") => path.to_vec(),
            path => [b"/", path].concat(),
        };
        let is_root = !prepared.root.sanitize();
        let paths = paths.iter().map(|path| if is_root { in_root(path) } else { path.clone() });
        arguments.extend(options.chain([b".".to_vec()]).chain(paths));
        if let Err(text) = hook.finish(&request, &arguments) {
            refused = Some(Error::host(Exit::UNSUPPORTED, text));
        }
    }
    if !request.is_empty() {
        log_request(&worker, &parsed, &chosen.user, &request);
    }
    let policy = handover::policy(&worker, chosen);
    let config = handover::session_config(&worker, chosen, prepared, parsed, paths);
    let (policy, config) = match (policy, config) {
        (Ok(policy), Ok(config)) => (policy, config),
        (Err(end), _) | (_, Err(end)) => return end.status(),
    };
    let Worker { link, log, start, .. } = worker;
    let served = Served { config, policy, refused, input: link.input, output: link.output, pending: link.pending, log };
    (start.engine.serve)(served)
}

fn parse(worker: &mut Worker<'_>, chosen: &Chosen<'_>, words: Vec<Vec<u8>>) -> Result<(Parsed, Vec<Vec<u8>>), End> {
    let refuse = worker.text(chosen.section, P::RefuseOptions)?;
    let parse = worker.start.engine.parse;
    let mut words = plain_words(words);
    let charset = worker.text(chosen.section, P::Charset)?;
    let mut parsed = parse(&words, &refuse, &charset);
    if parsed.secluded && !words.iter().any(|word| word == b".") {
        // The first word is the name of a program.
        let mut more: Vec<_> = secluded_words(worker)?.into_iter().skip(1).collect();
        if parsed.options.iconv.is_some()
            && let Ok(conversion) = crate::iconv::named(&charset)
        {
            more = conversion.words_from_wire(&more);
        }
        words.extend(more);
        parsed = parse(&words, &refuse, &charset);
    }
    Ok((parsed, words))
}

/// The requested paths as the log and the hooks show them, of bounded length.
fn request(paths: &[Vec<u8>]) -> Vec<u8> {
    let mut request: Vec<u8> = Vec::new();
    for path in paths {
        if !request.is_empty() {
            if request.len() + path.len() >= 1024 {
                break;
            }
            request.push(b' ');
        }
        request.extend_from_slice(path);
    }
    request
}

fn log_request(worker: &Worker<'_>, parsed: &Parsed, user: &[u8], request: &[u8]) {
    let direction: &[u8] = if parsed.sender { b"rsync on " } else { b"rsync to " };
    let at: &[u8] = if user.is_empty() { b"" } else { b"@" };
    worker.log.info([direction, request, b" from ", user, at, &worker.who()].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn options_are_unescaped_and_paths_are_not() {
        let plain = plain_words(words(&["--suffix=\\ x", ".", "mod/a\\*b", "."]));
        assert_eq!(plain, words(&["--suffix= x", ".", "mod/a\\*b", "."]));
    }

    #[test]
    fn long_requests_are_cut() {
        let long = "x".repeat(2000);
        assert_eq!(request(&words(&["m/a", "m/b"])), b"m/a m/b");
        assert_eq!(request(&words(&[&long, "m/b"])), long.as_bytes());
        assert_eq!(request(&words(&["m/a", &long, "m/b"])), b"m/a");
        assert_eq!(request(&[]), b"");
    }
}
