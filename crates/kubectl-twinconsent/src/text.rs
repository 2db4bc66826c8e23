//! PURE. Texts of the cluster, for a terminal.

/// A text of the cluster for a terminal: control characters and marks of the writing direction, which could change what else is
/// shown, are replaced.
#[must_use]
pub fn plain(text: &str) -> String {
    let is_mark = |character: char| matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars()
        .map(|character| if character.is_control() || is_mark(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_cluster_moves_no_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(plain("Ada — ünïcode"), "Ada — ünïcode");
    }
}
