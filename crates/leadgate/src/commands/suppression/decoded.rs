//! Files in the encodings that spreadsheets write.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::Path;

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};

const BUFFER: usize = 64 * 1024;

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
    let mut decoded = Decoded::new(&file, UTF_8);
    io::copy(&mut decoded, &mut io::sink())?;
    let encoding = if decoded.had_errors { WINDOWS_1252 } else { UTF_8 };
    file.rewind()?;
    Ok((file, encoding))
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
pub(super) struct Decoded<R> {
    reader: R,
    decoder: Decoder,
    buffer: Vec<u8>,
    text: String,
    /// How much of the text was read already.
    position: usize,
    ended: bool,
    had_errors: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(reader: R, encoding: &'static Encoding) -> Self {
        Self {
            reader,
            decoder: encoding.new_decoder_with_bom_removal(),
            buffer: vec![0; BUFFER],
            text: String::new(),
            position: 0,
            ended: false,
            had_errors: false,
        }
    }

    /// Replaces the text by what comes next; it is empty at the end.
    fn decode_next(&mut self) -> io::Result<()> {
        self.text.clear();
        self.position = 0;
        while self.text.is_empty() && !self.ended {
            let length = self.reader.read(&mut self.buffer)?;
            self.ended = length == 0;
            let bytes = self.buffer.get(..length).unwrap_or_default();
            // Enough for the whole buffer: the decoder does not make the text longer than its capacity.
            self.text.reserve(self.decoder.max_utf8_buffer_length(length).unwrap_or_default());
            let (_, _, had_errors) = self.decoder.decode_to_string(bytes, &mut self.text, self.ended);
            self.had_errors |= had_errors;
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if self.position == self.text.len() {
            self.decode_next()?;
        }
        let mut rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        let length = rest.read(output)?;
        self.position += length;
        Ok(length)
    }
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
        Decoded::new(file, encoding).read_to_string(&mut text).unwrap();
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

    #[test]
    fn a_character_may_lie_across_two_reads_of_the_file() {
        let long = format!("{}€{}", "a".repeat(BUFFER - 1), "ä".repeat(BUFFER));
        assert_eq!(read(long.as_bytes()), (UTF_8, long.clone()));
        assert_eq!(read(&utf_16(&long, u16::to_le_bytes)), (UTF_16LE, long));
        // The last character is cut off: not UTF-8.
        assert_eq!(read(b"a\xc3"), (WINDOWS_1252, "a\u{c3}".to_owned()));
    }
}
