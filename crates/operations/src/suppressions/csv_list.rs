//! Reads CSV lists of spreadsheets, in several encodings and with several delimiters.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Seek};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// In bytes. The delimiter is detected in this part of the first line.
const MAX_FIRST_LINE: u64 = 64 * 1024;

/// Detects the encoding of a list: that of its byte order mark, or UTF-8 if all of it is valid UTF-8, or else
/// windows-1252. Rewinds the list.
pub fn encoding_of(list: &mut (impl Read + Seek)) -> io::Result<&'static Encoding> {
    let mut start = Vec::new();
    list.take(3).read_to_end(&mut start)?;
    list.rewind()?;
    if let Some((encoding, _)) = Encoding::for_bom(&start) {
        return Ok(encoding);
    }
    let encoding = if is_utf_8(list)? { UTF_8 } else { WINDOWS_1252 };
    list.rewind()?;
    Ok(encoding)
}

fn is_utf_8(list: &mut impl Read) -> io::Result<bool> {
    for line in BufReader::new(list).lines() {
        match line {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads the rows of a list. Invalid bytes become U+FFFD.
pub fn csv_reader<R: Read>(
    list: R,
    encoding: &'static Encoding,
    has_names: bool,
) -> io::Result<csv::Reader<impl Read + use<R>>> {
    let mut text = BufReader::new(decoded(list, encoding));
    let mut first_line = Vec::new();
    (&mut text).take(MAX_FIRST_LINE).read_until(b'\n', &mut first_line)?;
    let delimiter = delimiter(&first_line);
    let mut settings = csv::ReaderBuilder::new();
    settings.delimiter(delimiter).flexible(true).has_headers(has_names);
    Ok(settings.from_reader(io::Cursor::new(first_line).chain(text)))
}

/// Decodes the list to UTF-8 without a byte order mark.
fn decoded<R: Read>(list: R, encoding: &'static Encoding) -> impl Read + use<R> {
    DecodeReaderBytesBuilder::new().encoding(Some(encoding)).strip_bom(true).build(list)
}

/// Detects the delimiter: the candidate that occurs most often in the first line.
fn delimiter(first_line: &[u8]) -> u8 {
    let count = |delimiter: &u8| first_line.iter().filter(|byte| *byte == delimiter).count();
    // If two occur equally often, `max_by_key` returns the last one.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16BE, UTF_16LE};

    use super::*;

    const TEXT: &str = "Name;E-Mail\nÄrzte € ‰;ärzte@example.com\n";

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    fn read(bytes: &[u8]) -> (&'static Encoding, String) {
        let mut list = io::Cursor::new(bytes);
        let encoding = encoding_of(&mut list).unwrap();
        let mut text = String::new();
        decoded(list, encoding).read_to_string(&mut text).unwrap();
        (encoding, text)
    }

    #[test]
    fn a_list_is_read_in_its_encoding() {
        let with_mark = format!("\u{feff}{TEXT}");
        let (windows, ..) = WINDOWS_1252.encode(TEXT);
        for (bytes, encoding) in [
            (TEXT.as_bytes().to_vec(), UTF_8),
            (with_mark.into_bytes(), UTF_8),
            (windows.into_owned(), WINDOWS_1252),
            (utf_16(TEXT, u16::to_le_bytes), UTF_16LE),
            (utf_16(TEXT, u16::to_be_bytes), UTF_16BE),
        ] {
            assert_eq!(read(&bytes), (encoding, TEXT.to_owned()));
        }
        assert_eq!(read(b""), (UTF_8, String::new()));
    }

    /// Larger than the read buffer.
    const BUFFER: usize = 64 * 1024;

    #[test]
    fn a_character_may_be_split_between_two_reads() {
        let long = format!("{}€{}", "a".repeat(BUFFER - 1), "ä".repeat(BUFFER));
        assert_eq!(read(long.as_bytes()), (UTF_8, long.clone()));
        assert_eq!(read(&utf_16(&long, u16::to_le_bytes)), (UTF_16LE, long));
        // The last character is cut off: not UTF-8.
        assert_eq!(read(b"a\xc3"), (WINDOWS_1252, "a\u{c3}".to_owned()));
    }

    #[test]
    fn invalid_bytes_after_a_byte_order_mark_are_replaced() {
        assert_eq!(read(b"\xef\xbb\xbfa\xe9,b"), (UTF_8, "a\u{fffd},b".to_owned()));
        assert_eq!(read(b"\xff\xfea\0\0"), (UTF_16LE, "a\u{fffd}".to_owned()));
    }

    #[test]
    fn the_most_frequent_candidate_is_the_delimiter() {
        for (line, expected) in
            [("a,b", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("phone", b','), ("a|b", b'|')]
        {
            assert_eq!(delimiter(line.as_bytes()), expected, "{line}");
        }
    }
}
