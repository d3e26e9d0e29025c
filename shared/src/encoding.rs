//! The fixed byte forms: every structure is a row of fields at fixed places, big-endian, reserved
//! bytes zero, nothing optional, nothing left over.
//!
//! `Writer` and `Reader` are exact inverses; each structure's `encode` and `decode` stand together.

use core::fmt;

use crate::amount::{Currency, Micros};

/// Length of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;
/// Length of the domain tag that opens every signed body.
pub const TAG_LEN: usize = 16;

/// Why bytes are not the structure they should be. Names the field, never echoes its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Too few or too many bytes.
    Length {
        /// Bytes that the structure has.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// The domain tag is that of another structure or version.
    Tag,
    /// A field holds a value that it cannot have.
    Field(&'static str),
    /// A reserved byte is not zero.
    Reserved,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "expected {expected} bytes, found {found}")
            }
            Self::Tag => f.write_str("the first 16 bytes are not the tag of this structure"),
            Self::Field(name) => write!(f, "the field {name} holds an impossible value"),
            Self::Reserved => f.write_str("a reserved byte is not zero"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Fills a body of `N` bytes from front to back.
pub(crate) struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    pub(crate) fn new(tag: &[u8; TAG_LEN]) -> Self {
        let mut writer = Self { bytes: [0; N], at: 0 };
        writer.put(tag);
        writer
    }

    pub(crate) fn put(&mut self, field: &[u8]) {
        let end = self.at.saturating_add(field.len());
        self.bytes
            .get_mut(self.at..end)
            .expect("the fields of a structure add up to its length")
            .copy_from_slice(field);
        self.at = end;
    }

    pub(crate) fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    pub(crate) fn finish(self) -> [u8; N] {
        assert!(self.at == N, "the fields of a structure add up to its length");
        self.bytes
    }
}

/// Reads a body from front to back.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins to read a structure of exactly `expected` bytes that opens with `tag`.
    pub(crate) fn new(
        bytes: &'a [u8],
        expected: usize,
        tag: &[u8; TAG_LEN],
    ) -> Result<Self, DecodeError> {
        if bytes.len() != expected {
            return Err(DecodeError::Length { expected, found: bytes.len() });
        }
        let mut reader = Self { rest: bytes };
        if &reader.take::<TAG_LEN>() == tag { Ok(reader) } else { Err(DecodeError::Tag) }
    }

    pub(crate) fn take<const L: usize>(&mut self) -> [u8; L] {
        let (field, rest) = self
            .rest
            .split_first_chunk::<L>()
            .expect("the length of the whole was checked, and the fields add up to it");
        self.rest = rest;
        *field
    }

    pub(crate) fn take_u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }

    pub(crate) fn take_u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take())
    }

    pub(crate) fn take_micros(&mut self, name: &'static str) -> Result<Micros, DecodeError> {
        Micros::new(self.take_u64()).ok_or(DecodeError::Field(name))
    }

    pub(crate) fn take_currency(&mut self) -> Result<Currency, DecodeError> {
        Currency::new(self.take()).ok_or(DecodeError::Field("currency"))
    }

    pub(crate) fn take_zeros<const L: usize>(&mut self) -> Result<(), DecodeError> {
        if self.take::<L>() == [0; L] { Ok(()) } else { Err(DecodeError::Reserved) }
    }

    pub(crate) fn finish(self) {
        assert!(self.rest.is_empty(), "the fields of a structure add up to its length");
    }
}

/// Splits a signed structure of `TOTAL` bytes into body and signature.
pub(crate) fn split_signed<const BODY: usize>(
    bytes: &[u8],
) -> Result<([u8; BODY], [u8; SIGNATURE_LEN]), DecodeError> {
    let expected = BODY.saturating_add(SIGNATURE_LEN);
    let wrong = DecodeError::Length { expected, found: bytes.len() };
    let (body, signature) = bytes.split_first_chunk::<BODY>().ok_or(wrong)?;
    let signature = signature.try_into().map_err(|_| wrong)?;
    Ok((*body, signature))
}
