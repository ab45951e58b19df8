//! Arrays of bytes in MATLAB's file format, level 5: what `save` writes with `-v6` and `-v7`.
//!
//! A file is a header of 128 bytes, then one element for each array: its type and its size, four
//! bytes each, and then the array, or from `-v7` on a zlib stream of type, size and array. An array
//! in turn is a list of elements: flags, dimensions, name and values. No size is trusted: a buffer
//! grows with what is really there, and never beyond the limit that the caller sets.

use std::io::{self, Read, Take};
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::error::{Failure, FileError, FileProblem};

const HEADER: usize = 128;
/// Types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// The bit of the flags that announces imaginary values.
const COMPLEX: u8 = 0x08;
/// More bytes than the dimensions, or the name, of any array take up here.
const SMALL: usize = 64;

/// An array of bytes.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    pub(super) dimensions: Vec<usize>,
    /// The values, the first dimension fastest.
    pub(super) values: Vec<u8>,
    /// Where in the file the values start; for a compressed array, where its element starts.
    pub(super) offset: u64,
}

/// Reads the two arrays of these names; other arrays of the file are skipped.
///
/// An array may hold up to `limit` bytes. The errors call the file by the path.
pub(super) fn read_pair(
    path: &Path,
    data: impl Read,
    names: [&str; 2],
    limit: usize,
) -> Result<[Array; 2], FileError> {
    read(data, names, limit).map_err(|failure| FileError::new(path, failure))
}

fn read(data: impl Read, names: [&str; 2], limit: usize) -> Result<[Array; 2], Failure> {
    let mut file = Source::new(data, 0);
    check_header(&file.bytes("the header is longer")?)?;
    let mut found = [None, None];
    loop {
        let start = file.position;
        let tag = file.at_most(8)?;
        if tag.is_empty() {
            break;
        }
        let Ok([a, b, c, d, size @ ..]) = <[u8; 8]>::try_from(tag) else {
            return Err(file.short("an array starts with its type and its size"));
        };
        let size = u32::from_le_bytes(size);
        let mut element = Source::new((&mut file.data).take(size.into()), file.position);
        let array = match u32::from_le_bytes([a, b, c, d]) {
            MATRIX => element.array(names, limit)?,
            COMPRESSED => element.compressed_array(start, names, limit)?,
            other => {
                return Err(format((
                    start,
                    format!("type {other} is not that of an array"),
                )));
            }
        };
        file.position = element.skip()?;
        let Some((index, array)) = array else {
            continue;
        };
        if found[index].replace(array).is_some() {
            return Err(format((
                start,
                format!("a second array `{}`", names[index]),
            )));
        }
    }
    match found {
        [Some(first), Some(second)] => Ok([first, second]),
        [first, _] => {
            let name = names[usize::from(first.is_some())];
            Err(file.short(&format!("there is no array `{name}` yet")))
        }
    }
}

fn check_header(header: &[u8; HEADER]) -> Result<(), Failure> {
    // Text, then the version, then `MI` as a number of the writing machine's byte order.
    match header[124..] {
        [0, 1, b'I', b'M'] => Ok(()),
        [0, 2, b'I', b'M'] => Err(format((
            124,
            "the file is of MATLAB's version 7.3, which is HDF5; save it with -v7".into(),
        ))),
        [1, 0, b'M', b'I'] => Err(format((
            124,
            "the file was written on a big-endian machine; save it on another one".into(),
        ))),
        _ => Err(format((124, "this is not a MATLAB file of level 5".into()))),
    }
}

fn format((offset, words): (u64, String)) -> Failure {
    (offset, FileProblem::Format(words))
}

/// What is read, and how far.
struct Source<R> {
    data: R,
    /// Where in the file the next byte is; for a compressed array, where its element is.
    position: u64,
    compressed: bool,
}

impl<R: Read> Source<R> {
    fn new(data: R, position: u64) -> Self {
        Self {
            data,
            position,
            compressed: false,
        }
    }

    /// Up to so many bytes: fewer at the end of the data.
    fn at_most(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let outcome = (&mut self.data).take(count as u64).read_to_end(&mut bytes);
        if !self.compressed {
            self.position += bytes.len() as u64;
        }
        outcome.map_err(|error| (self.position, error.into()))?;
        Ok(bytes)
    }

    /// The data end, but `more`.
    fn short(&self, more: &str) -> Failure {
        (self.position, FileProblem::Truncated(more.into()))
    }

    fn bytes<const N: usize>(&mut self, more: &str) -> Result<[u8; N], Failure> {
        let bytes = self.at_most(N)?;
        bytes.try_into().map_err(|_| self.short(more))
    }

    /// One element of an array, with what fills it up to a multiple of 8 bytes: its type, its
    /// content, and where that starts.
    fn part(&mut self, what: &str, limit: usize) -> Result<(u32, Vec<u8>, u64), Failure> {
        let start = self.position;
        let more = format!("{what} follows");
        let [a, b, c, d] = self.bytes(&more)?;
        // Up to four bytes follow type and size at once; the size is then in the type's upper half.
        let (kind, size, filled) = match u16::from_le_bytes([c, d]) {
            0 => {
                let size = u32::from_le_bytes(self.bytes(&more)?);
                (u32::from_le_bytes([a, b, c, d]), size, 8)
            }
            size => (u16::from_le_bytes([a, b]).into(), size.into(), 4),
        };
        let fits = usize::try_from(size).is_ok_and(|size| size <= limit);
        if !fits || (filled == 4 && size > 4) {
            let words = format!("{what} has {size} bytes, more than there may be");
            return Err(format((start, words)));
        }
        let offset = self.position;
        let content = self.at_most(size as usize)?;
        if content.len() < size as usize {
            return Err(self.short(&format!("{what} has {size} bytes")));
        }
        let filling = (filled - size % filled) % filled;
        self.at_most(filling as usize)?;
        Ok((kind, content, offset))
    }

    /// The array, and which of the names it has; nothing if it has another name.
    fn array(&mut self, names: [&str; 2], limit: usize) -> Result<Option<(usize, Array)>, Failure> {
        let start = self.position;
        let invalid = |what: &str| format((start, format!("the {what} of an array are invalid")));
        let (UINT32, flags, _) = self.part("the flags", SMALL)? else {
            return Err(invalid("flags"));
        };
        let (INT32, dimensions, _) = self.part("the dimensions", SMALL)? else {
            return Err(invalid("dimensions"));
        };
        let (INT8, name, _) = self.part("the name", SMALL)? else {
            return Err(invalid("name"));
        };
        let Some(index) = names.iter().position(|wanted| wanted.as_bytes() == name) else {
            return Ok(None);
        };
        let name = names[index];
        let dimensions: Option<Vec<usize>> = dimensions
            .chunks(4)
            .map(|bytes| usize::try_from(i32::from_le_bytes(bytes.try_into().ok()?)).ok())
            .collect();
        let dimensions = dimensions.ok_or_else(|| invalid("dimensions"))?;

        let start = self.position;
        let (kind, values, offset) = self.part(&format!("`{name}`"), limit)?;
        if kind != UINT8 || flags.get(1).is_none_or(|flags| flags & COMPLEX != 0) {
            let words = format!("`{name}` does not hold bytes; save it as uint8");
            return Err(format((start, words)));
        }
        let count = dimensions
            .iter()
            .try_fold(1_usize, |count, &size| count.checked_mul(size));
        if count != Some(values.len()) {
            let words = format!(
                "`{name}` is of dimensions {dimensions:?}, but holds {} values",
                values.len()
            );
            return Err(format((offset, words)));
        }
        // Reading to the end also makes a zlib stream check its sum.
        if !self.at_most(1)?.is_empty() {
            return Err((
                self.position,
                FileProblem::Trailing(format!("the values of `{name}`")),
            ));
        }
        let array = Array {
            dimensions,
            values,
            offset,
        };
        Ok(Some((index, array)))
    }
}

impl<R: Read> Source<Take<R>> {
    /// [`array`](Self::array) out of a zlib stream, whose element starts at `start`.
    fn compressed_array(
        &mut self,
        start: u64,
        names: [&str; 2],
        limit: usize,
    ) -> Result<Option<(usize, Array)>, Failure> {
        let size = self.data.limit();
        let mut inflated = Source {
            data: ZlibDecoder::new(&mut self.data),
            position: start,
            compressed: true,
        };
        let outcome = inflated
            .bytes("an array follows")
            .and_then(|tag: [u8; 8]| match tag {
                [14, 0, 0, 0, ..] => inflated.array(names, limit),
                _ => Err(format((start, "what is compressed is not an array".into()))),
            });
        let read = size - self.data.limit();
        self.position += read;
        outcome.map_err(|failure| match failure {
            // The stream ends before its element does: so does the file.
            (_, FileProblem::Read(error))
                if error.kind() == io::ErrorKind::UnexpectedEof && read < size =>
            {
                self.short(&format!("the array that starts at byte {start} is longer"))
            }
            other => other,
        })
    }

    /// Passes over the rest of an element, and returns where the next one is.
    fn skip(mut self) -> Result<u64, Failure> {
        let outcome = io::copy(&mut self.data, &mut io::sink());
        self.position += outcome.map_err(|error| (self.position, error.into()))?;
        match self.data.limit() {
            0 => Ok(self.position),
            left => Err(self.short(&format!("{left} bytes of an array follow"))),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
