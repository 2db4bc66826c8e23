//! Texts as they are kept by the hundred thousand: compressed against what most of them say.
//!
//! A text and its compressed form are written in buffers that the thread keeps, and only the result gets memory of its own. Buffers that
//! came and went with each text would leave, between the pieces that stay, gaps of about their size, each a little too small for the next
//! text: half of the memory of 10,000 consents was such gaps.

use std::cell::RefCell;
use std::fmt;

use lz4_flex::block::{compress_into_with_dict, decompress_with_dict, get_maximum_output_size};

/// Buffers that have grown larger than this, by a text that is far longer than others, are not kept. In bytes.
const MOST_KEPT: usize = 64 * 1024;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

#[derive(Default)]
struct Buffers {
    text: Vec<u8>,
    packed: Vec<u8>,
}

/// A compressed text. It may hold a link, so it shows its size and not its bytes.
#[derive(Clone)]
pub struct Packed {
    bytes: Box<[u8]>,
    /// How long the text is.
    length: usize,
}

impl Packed {
    /// Of the text that `write` writes.
    pub fn of(dictionary: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> Self {
        BUFFERS.with_borrow_mut(|buffers| {
            let Buffers { text, packed } = buffers;
            text.clear();
            write(text);
            packed.resize(packed.len().max(get_maximum_output_size(text.len())), 0);
            // There is room for the worst case, so this never fails.
            let written = compress_into_with_dict(text, packed, dictionary).unwrap_or_default();
            let of_text = Self { bytes: packed[..written].into(), length: text.len() };
            if packed.len() > MOST_KEPT {
                *buffers = Buffers::default();
            }
            of_text
        })
    }

    /// The text, with the same dictionary; `None` never happens, for it was written here.
    pub fn text(&self, dictionary: &[u8]) -> Option<Vec<u8>> {
        decompress_with_dict(&self.bytes, self.length, dictionary).ok()
    }

    /// How many bytes it takes.
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.size())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(text: &[u8]) -> Packed {
        Packed::of(b"what most texts say", |buffer| buffer.extend(text))
    }

    proptest! {
        #[test]
        fn texts_of_any_length_one_after_the_other_come_out_as_they_went_in(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..9)) {
            let all: Vec<Packed> = texts.iter().map(|text| packed(text)).collect();
            for (text, packed) in texts.iter().zip(all) {
                prop_assert_eq!(packed.text(b"what most texts say"), Some(text.clone()));
            }
        }
    }

    #[test]
    fn nothing_of_a_text_is_shown() {
        let packed = packed(b"https://app.heygen.com/consent/1962fe69");
        assert_eq!(format!("{packed:?}"), format!("[{} bytes]", packed.size()));
    }

    #[test]
    fn the_buffers_of_a_text_that_is_far_longer_than_others_are_not_kept() {
        let long = vec![7; 2 * MOST_KEPT];
        assert_eq!(packed(&long).text(b"what most texts say"), Some(long));
        BUFFERS.with_borrow(|buffers| assert_eq!(buffers.text.capacity() + buffers.packed.capacity(), 0));
        packed(b"short");
        BUFFERS.with_borrow(|buffers| assert!(buffers.packed.capacity() > 0));
    }
}
