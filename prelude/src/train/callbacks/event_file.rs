//! TensorBoard's event files: records with checks, each a small protocol buffer.
//!
//! A record is its length (8 bytes), the length's check, the bytes, and their check (TensorFlow, "TFRecord"); a check is CRC-32C, turned
//! and shifted. Of `event.proto` and `summary.proto` three messages are needed, whose fields are written by hand.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of events that is being written.
#[derive(Debug)]
pub(super) struct EventFile {
    file: BufWriter<File>,
}

impl EventFile {
    /// A new file in a folder, which is made where it is missing.
    pub fn create(folder: &Path) -> std::io::Result<EventFile> {
        std::fs::create_dir_all(folder)?;
        let now = now();
        let (process, mut number) = (std::process::id(), 0);
        // TensorBoard knows such files by this part of their names, and reads them in the order of their names
        let free = |number: usize| -> PathBuf {
            folder.join(format!("events.out.tfevents.{:010}.candlewick.{process}.{number}", now as u64))
        };
        while free(number).exists() {
            number += 1;
        }
        let mut events = EventFile { file: BufWriter::new(File::create_new(free(number))?) };
        let version = [double(1, now), text(3, "brain.Event:2")].concat();
        events.record(&version)?;
        events.flush()?;
        Ok(events)
    }

    /// Numbers by name at a step.
    pub fn scalars(&mut self, step: usize, values: &[(String, f64)]) -> std::io::Result<()> {
        let summary: Vec<u8> = values
            .iter()
            .flat_map(|(name, value)| message(1, &[text(1, name), float(2, *value as f32)].concat()))
            .collect();
        self.record(&[double(1, now()), whole(2, step as u64), message(5, &summary)].concat())
    }

    pub fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }

    fn record(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        let whole = [&length[..], &check(&length), bytes, &check(bytes)].concat();
        self.file.write_all(&whole)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A record's check: what of CRC-32C is left when it is turned by 15 bits and shifted.
fn check(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A number of a message, seven bits a byte, the lowest first.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// What stands before a field's value: its number and its kind.
fn tag(field: u64, kind: u64) -> Vec<u8> {
    varint(field << 3 | kind)
}

fn whole(field: u64, value: u64) -> Vec<u8> {
    [tag(field, 0), varint(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [tag(field, 1), value.to_le_bytes().to_vec()].concat()
}

fn float(field: u64, value: f32) -> Vec<u8> {
    [tag(field, 5), value.to_le_bytes().to_vec()].concat()
}

fn message(field: u64, bytes: &[u8]) -> Vec<u8> {
    [tag(field, 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    message(field, value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4: thirty-two bytes of zeros, of ones, and from 0 up.
    #[test]
    fn checks_are_those_of_the_standard() {
        let up: Vec<u8> = (0..32).collect();
        for (bytes, crc) in [(vec![0; 32], 0x8a91_36aa_u32), (vec![0xff; 32], 0x62a8_ab43), (up, 0x46dd_794e)] {
            let expected = crc.rotate_right(15).wrapping_add(0xa282_ead8);
            assert_eq!(check(&bytes), expected.to_le_bytes());
        }
    }

    /// protobuf's own encodings: 300 is `ac 02`; field 1 as text `testing` with number 2 is `12 07 …`.
    #[test]
    fn fields_are_those_of_protocol_buffers() {
        assert_eq!(whole(1, 300), [0x08, 0xac, 0x02]);
        assert_eq!(text(2, "testing"), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        assert_eq!(float(2, 1.0), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
