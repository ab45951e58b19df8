#![allow(clippy::unwrap_used)]

use super::*;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn part(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[kind, content.len() as u32]);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// An array of bytes, as MATLAB writes it: its element.
pub(crate) fn array(name: &str, dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let name = match name.len() {
        size @ 1..=4 => {
            let mut bytes = words(&[INT8 | (size as u32) << 16]);
            bytes.extend(name.bytes());
            bytes.resize(8, 0);
            bytes
        }
        _ => part(INT8, name.as_bytes()),
    };
    let content = [
        part(UINT32, &words(&[9, 0])),
        part(INT32, &words(dimensions)),
        name,
        part(UINT8, values),
    ];
    part(MATRIX, &content.concat())
}

/// The element of an array as `-v7` writes it.
pub(crate) fn compressed(array: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(array).unwrap();
    let stream = encoder.finish().unwrap();
    let mut bytes = words(&[COMPRESSED, stream.len() as u32]);
    bytes.extend(stream);
    bytes
}

pub(crate) fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    bytes.extend(elements.concat());
    bytes
}

fn pair() -> [Vec<u8>; 2] {
    let values: Vec<u8> = (0..60).collect();
    [
        array("X", &[3, 4, 5], &values),
        array("y", &[1, 3], &[7, 8, 9]),
    ]
}

fn read_all(data: &[u8]) -> Result<[Array; 2], Failure> {
    read(data, ["X", "y"], 100)
}

/// The offset and the words of the error.
fn error(data: &[u8]) -> (u64, String) {
    let (offset, problem) = read_all(data).unwrap_err();
    (offset, problem.to_string())
}

#[test]
fn plain_and_compressed_arrays_are_read_in_any_order_past_others() {
    let [x, y] = pair();
    let other = array("a_longer_name", &[2], &[1, 2]);
    for all in [[&x, &y, &other], [&other, &y, &x]] {
        let plain = read_all(&file(&all.map(Clone::clone))).unwrap();
        let packed = read_all(&file(&all.map(|array| compressed(array)))).unwrap();
        for (plain, packed) in plain.iter().zip(&packed) {
            assert_eq!(plain.dimensions, packed.dimensions);
            assert_eq!(plain.values, packed.values);
        }
        assert_eq!(plain[0].dimensions, [3, 4, 5]);
        assert_eq!(plain[0].values, (0..60).collect::<Vec<u8>>());
        assert_eq!(plain[1].values, [7, 8, 9]);
    }
}

#[test]
fn offsets_are_those_of_the_values_or_of_the_compressed_element() {
    let [x, y] = pair();
    let plain = file(&[x.clone(), y.clone()]);
    for array in read_all(&plain).unwrap() {
        let at = array.offset as usize;
        assert_eq!(plain[at..at + array.values.len()], array.values);
    }
    let (x, y) = (compressed(&x), compressed(&y));
    let [found_x, found_y] = read_all(&file(&[x.clone(), y])).unwrap();
    assert_eq!(found_x.offset, 128);
    assert_eq!(found_y.offset, 128 + x.len() as u64);
}

#[test]
fn truncation_anywhere_is_an_error_at_the_end_of_the_data() {
    let [x, y] = pair();
    let packed = file(&[compressed(&x), compressed(&y)]);
    for data in [file(&[x, y]), packed] {
        for length in 0..data.len() {
            let (offset, words) = error(&data[..length]);
            assert_eq!(offset, length as u64, "{words}");
            assert!(words.contains("truncated"), "{length} bytes: {words}");
        }
    }
}

#[test]
fn no_flipped_byte_gives_other_values_out_of_a_compressed_array() {
    let arrays = pair().map(|array| compressed(&array));
    let data = file(&arrays);
    let whole = read_all(&data).unwrap();
    let mut refused = 0;
    for at in 128..data.len() {
        for bit in 0..8 {
            let mut flipped = data.clone();
            flipped[at] ^= 1 << bit;
            match read_all(&flipped) {
                Ok(arrays) => assert_eq!(arrays, whole, "byte {at}, bit {bit}"),
                Err((offset, _)) => {
                    assert!(offset <= data.len() as u64);
                    refused += 1;
                }
            }
        }
    }
    // The others change what no value depends on, such as the bits that fill up a byte.
    assert!(refused > 6 * (data.len() - 128), "{refused} refused");
}

#[test]
fn no_flipped_byte_of_a_plain_array_panics() {
    let data = file(&pair());
    for at in 0..data.len() {
        for bit in 0..8 {
            let mut flipped = data.clone();
            flipped[at] ^= 1 << bit;
            let _ = read_all(&flipped);
        }
    }
}

#[test]
fn no_header_asks_for_memory() {
    let [_, y] = pair();
    let large = vec![0; 101];
    let (offset, words) = error(&file(&[array("X", &[101], &large), y.clone()]));
    assert_eq!(offset, 128 + 8 + 16 + 16 + 8, "the element of the values");
    assert!(words.contains("101 bytes, more than"), "{words}");

    // A size of 4 GB in front of few bytes.
    let mut huge = file(&[array("X", &[4, 4], &[1; 16]), y.clone()]);
    let at = 128 + 8 + 16 + 16 + 8 + 4;
    huge[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(&huge).1.contains("4294967295 bytes"));
    let outcome = read(&huge[..], ["X", "y"], usize::MAX).unwrap_err();
    assert!(outcome.1.to_string().contains("has 4294967295 bytes"));

    // Sixteen megabytes that fill some kilobytes are never inflated whole.
    let bomb = compressed(&array("X", &[1 << 24], &vec![0; 1 << 24]));
    let (offset, words) = error(&file(&[bomb, y]));
    assert_eq!(offset, 128);
    assert!(words.contains("more than there may be"), "{words}");
}

#[test]
fn what_is_no_such_file_is_told() {
    let [x, y] = pair();
    let whole = file(&[x.clone(), y.clone()]);
    let with = |at: usize, bytes: &[u8]| {
        let mut data = whole.clone();
        data[at..at + bytes.len()].copy_from_slice(bytes);
        error(&data)
    };
    assert_eq!(with(124, &[0, 0]).0, 124);
    assert!(with(124, &[0, 2]).1.contains("7.3"));
    assert!(with(124, &[1, 0, b'M', b'I']).1.contains("big-endian"));
    let page = format!("{:200}", "<html>no such file</html>");
    assert!(error(page.as_bytes()).1.contains("not a MATLAB file"));
    let (offset, words) = with(128, &[6]);
    assert_eq!(offset, 128);
    assert!(words.contains("type 6"), "{words}");

    let (offset, words) = error(&file(std::slice::from_ref(&x)));
    assert_eq!(offset, 128 + x.len() as u64);
    assert!(words.contains("no array `y`"), "{words}");
    let twice = error(&file(&[x.clone(), y.clone(), y.clone()]));
    assert!(twice.1.contains("second array `y`"), "{}", twice.1);
    let nested = error(&file(&[compressed(&compressed(&x)), y.clone()]));
    assert!(nested.1.contains("not an array"), "{}", nested.1);
    let fewer = error(&file(&[array("X", &[3, 4], &[0; 11]), y.clone()]));
    assert!(fewer.1.contains("[3, 4]") && fewer.1.contains("11 values"));
    let overflow = array("X", &[i32::MAX as u32; 3], &[0; 11]);
    assert!(error(&file(&[overflow, y.clone()])).1.contains("11 values"));
    let negative = array("X", &[u32::MAX, 2], &[0; 11]);
    assert!(
        error(&file(&[negative, y.clone()]))
            .1
            .contains("dimensions")
    );

    // Single precision in place of bytes; and imaginary values.
    let kind = 128 + 8 + 16 + 24 + 8;
    assert!(with(kind, &[7]).1.contains("does not hold bytes"));
    assert!(
        with(128 + 8 + 8 + 1, &[8])
            .1
            .contains("does not hold bytes")
    );
    let mut longer = x;
    longer.extend([0; 8]);
    let size = longer.len() as u32 - 8;
    longer[4..8].copy_from_slice(&size.to_le_bytes());
    assert!(error(&file(&[longer, y])).1.contains("more data follow"));
}
