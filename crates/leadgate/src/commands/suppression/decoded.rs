//! Files in the encodings that spreadsheets write.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Seek as _};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

/// Opens a file and finds its encoding: that of its byte order mark, or UTF-8 if all of the file is valid UTF-8, or
/// windows-1252.
pub(super) fn open(path: &Path) -> io::Result<(File, &'static Encoding)> {
    let mut file = seekable(File::open(path)?)?;
    let mut start = Vec::new();
    (&file).take(3).read_to_end(&mut start)?;
    file.rewind()?;
    if let Some((encoding, _)) = Encoding::for_bom(&start) {
        return Ok((file, encoding));
    }
    let encoding = if is_utf_8(&file)? { UTF_8 } else { WINDOWS_1252 };
    file.rewind()?;
    Ok((file, encoding))
}

fn is_utf_8(file: &File) -> io::Result<bool> {
    for line in BufReader::new(file).lines() {
        match line {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// A copy of what can be read only once, such as a pipe.
fn seekable(mut file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut file, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

/// Reads bytes of an encoding as UTF-8, without a byte order mark. Invalid bytes become U+FFFD.
pub(super) fn reader<R: Read>(bytes: R, encoding: &'static Encoding) -> DecodeReaderBytes<R, Vec<u8>> {
    DecodeReaderBytesBuilder::new().encoding(Some(encoding)).strip_bom(true).build(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use encoding_rs::{UTF_16BE, UTF_16LE};

    use super::*;

    const TEXT: &str = "Name;E-Mail\nÄrzte € ‰;ärzte@example.com\n";

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    fn read(bytes: &[u8]) -> (&'static Encoding, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (file, encoding) = open(file.path()).unwrap();
        let mut text = String::new();
        reader(file, encoding).read_to_string(&mut text).unwrap();
        (encoding, text)
    }

    #[test]
    fn a_file_is_read_in_its_encoding() {
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

    /// More than is read at once.
    const BUFFER: usize = 64 * 1024;

    #[test]
    fn a_character_may_lie_across_two_reads_of_the_file() {
        let long = format!("{}€{}", "a".repeat(BUFFER - 1), "ä".repeat(BUFFER));
        assert_eq!(read(long.as_bytes()), (UTF_8, long.clone()));
        assert_eq!(read(&utf_16(&long, u16::to_le_bytes)), (UTF_16LE, long));
        // The last character is cut off: not UTF-8.
        assert_eq!(read(b"a\xc3"), (WINDOWS_1252, "a\u{c3}".to_owned()));
    }

    #[test]
    fn invalid_bytes_behind_a_mark_are_replaced() {
        assert_eq!(read(b"\xef\xbb\xbfa\xe9,b"), (UTF_8, "a\u{fffd},b".to_owned()));
        assert_eq!(read(b"\xff\xfea\0\0"), (UTF_16LE, "a\u{fffd}".to_owned()));
    }
}
