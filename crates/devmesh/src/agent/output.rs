//! What a program prints: kept up to a bound, and passed on line by line.

use std::collections::VecDeque;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio_util::sync::CancellationToken;

/// Longest line that is passed on; the rest of it is left out.
const MAX_LINE: usize = 8 << 10;
/// So many of the last lines stand in a failure's message.
const LAST_LINES: usize = 10;

/// Everything of `reader` up to `most` bytes, or what there is of it when it is `over`; none when there is more, as soon as
/// that is known.
pub(super) async fn all(
    mut reader: impl AsyncRead + Unpin,
    most: usize,
    over: &CancellationToken,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while bytes.len() <= most {
        match over.run_until_cancelled(reader.read_buf(&mut bytes)).await {
            None | Some(Ok(0)) => return Ok(Some(bytes)),
            Some(read) => read?,
        };
    }
    Ok(None)
}

/// Passes every line on until there are no more or it is `over`, and keeps the last ones.
pub(super) async fn lines(
    reader: impl AsyncRead + Unpin,
    mut pass_on: impl FnMut(&str),
    over: &CancellationToken,
) -> Vec<String> {
    let mut reader = BufReader::new(reader);
    let mut last = VecDeque::new();
    while let Some(Some(line)) = over.run_until_cancelled(line(&mut reader)).await {
        pass_on(&line);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    last.into()
}

/// The next line, at most [`MAX_LINE`] bytes of it.
async fn line(reader: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let there = reader.fill_buf().await.ok()?;
        if there.is_empty() {
            return (!line.is_empty()).then(|| text(&line));
        }
        let end = there.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(there.len());
        let room = MAX_LINE - line.len();
        line.extend_from_slice(&there[..taken.min(room)]);
        reader.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Some(text(&line));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_beyond_the_bound_is_none_and_within_it_is_whole() {
        let on = CancellationToken::new();
        assert_eq!(
            all(&b"12345"[..], 5, &on).await.unwrap().as_deref(),
            Some(&b"12345"[..])
        );
        assert_eq!(all(&b"123456"[..], 5, &on).await.unwrap(), None);
        assert_eq!(all(tokio::io::repeat(b'x'), 1 << 16, &on).await.unwrap(), None);
    }

    #[tokio::test]
    async fn every_line_is_passed_on_cut_where_it_is_too_long_and_the_last_ones_are_kept() {
        let long = "y".repeat(3 * MAX_LINE);
        let numbers = (0..20)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join("\r\n");
        let printed = format!("{long}\n{numbers}\nno end");
        let mut seen = Vec::new();
        let last = lines(
            printed.as_bytes(),
            |line| seen.push(line.to_owned()),
            &CancellationToken::new(),
        )
        .await;
        assert_eq!((seen.len(), seen[0].len(), seen[1].as_str()), (22, MAX_LINE, "0"));
        assert_eq!(last.len(), LAST_LINES);
        assert_eq!(last.last().map(String::as_str), Some("no end"));
    }
}
