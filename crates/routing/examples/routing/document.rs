//! The figures' place in a document.

use std::error::Error;
use std::fs;
use std::path::Path;

/// Replaces what is between the markers of this name.
pub fn replace(document: &Path, name: &str, figures: &str) -> Result<(), Box<dyn Error>> {
    let (begin, end) = (format!("<!-- {name} begin -->"), format!("<!-- {name} end -->"));
    let text = fs::read_to_string(document)?;
    let (before, rest) = text
        .split_once(&begin)
        .ok_or("the document has no first marker")?;
    let (_, after) = rest.split_once(&end).ok_or("the document has no second marker")?;
    fs::write(document, format!("{before}{begin}\n\n{figures}\n{end}{after}"))?;
    Ok(())
}
