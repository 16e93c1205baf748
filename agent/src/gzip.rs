//! Unpacks gzip (RFC 1952). Deflate is flate2's; its gzip reader would bring tables of 20 KB for checksums, faster than
//! any network.

use flate2::bufread::DeflateDecoder;
use std::io::{self, BufRead, BufReader, Read, Write};

/// Bits of a member's flags (RFC 1952, 2.3.1): what follows the fixed part of its header.
const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Unpacks all members to `out`. Nothing at all is taken as nothing packed. The error says where the data is damaged or
/// ends too early.
pub(crate) fn unpack(input: &mut dyn Read, out: &mut dyn Write) -> io::Result<()> {
    let mut input = BufReader::new(input);
    while !input.fill_buf()?.is_empty() {
        skip_header(&mut input)?;
        let mut member = DeflateDecoder::new(&mut input);
        let (mut checksum, mut size) = (!0, 0_u32);
        let mut piece = [0; 8 << 10];
        loop {
            let count = member.read(&mut piece)?;
            if count == 0 {
                break;
            }
            checksum = piece[..count].iter().fold(checksum, |checksum, byte| add(checksum, *byte));
            // Modulo 2³², as the format has it.
            size = size.wrapping_add(count as u32);
            out.write_all(&piece[..count])?;
        }
        let expected = [!checksum, size];
        for expected in expected {
            if u32::from_le_bytes(bytes(&mut input)?) != expected {
                return Err(damaged("what was unpacked is not what was packed"));
            }
        }
    }
    Ok(())
}

fn skip_header(input: &mut dyn BufRead) -> io::Result<()> {
    let [0x1f, 0x8b, 8, flags, ..] = bytes::<10>(input)? else { return Err(damaged("this is no gzip")) };
    if flags & EXTRA != 0 {
        for _ in 0..u16::from_le_bytes(bytes(input)?) {
            bytes::<1>(input)?;
        }
    }
    for text in [NAME, COMMENT] {
        while flags & text != 0 && bytes::<1>(input)? != [0] {}
    }
    if flags & HEADER_CHECKSUM != 0 {
        bytes::<2>(input)?;
    }
    Ok(())
}

fn bytes<const COUNT: usize>(input: &mut dyn BufRead) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the gzip data is damaged: {why}"))
}

/// CRC-32 (RFC 1952, 8) with one more byte, four bits at a time.
fn add(checksum: u32, byte: u8) -> u32 {
    const OF_FOUR_BITS: [u32; 16] = {
        let mut table = [0; 16];
        let mut at = 0;
        while at < 16 {
            let mut value = at as u32;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    let half = |checksum: u32| OF_FOUR_BITS[(checksum & 15) as usize] ^ (checksum >> 4);
    half(half(checksum ^ u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder, write::GzEncoder};

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpack(&mut &packed[..], &mut out).map(|()| out)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let large: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
        assert_eq!(unpacked(&packed(&large)).unwrap(), large);
        assert_eq!(unpacked(&packed(b"")).unwrap(), b"");
        assert_eq!(unpacked(b"").unwrap(), b"");
        assert_eq!(unpacked(&[packed(b"one "), packed(b"and two")].concat()).unwrap(), b"one and two");
    }

    #[test]
    fn all_that_a_header_may_hold_is_skipped() {
        let builder = GzBuilder::new().filename("name").comment("said of it").extra(vec![0, 1, 2]).mtime(1);
        let mut packer = builder.write(Vec::new(), Compression::best());
        packer.write_all(b"content").unwrap();
        assert_eq!(unpacked(&packer.finish().unwrap()).unwrap(), b"content");
    }

    #[test]
    fn damage_is_told() {
        let whole = packed(b"some content that is long enough");
        for length in 1..whole.len() {
            assert!(unpacked(&whole[..length]).is_err(), "{length} bytes of {}", whole.len());
        }
        for at in [0, 1, 2, whole.len() - 8, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(unpacked(&changed).unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
        }
    }
}
