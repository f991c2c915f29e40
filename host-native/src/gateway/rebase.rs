// Shared by the program and its build script, hence without imports.

/// Puts a `base` into a page, so that its relative references lead into the folder of assets.
pub fn rebase(html: &str, base: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<head")?;
    let end = start + lower[start..].find('>')? + 1;
    Some(format!("{}<base href=\"{base}\">{}", &html[..end], &html[end..]))
}
