//! The fenced blocks of a Markdown document.

use crate::marks::{Mark, NO_MARK};

/// A block that is to be run or applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The document's path in the repository.
    pub document: String,
    /// The line of its first word.
    pub line: usize,
    pub language: Language,
    pub text: String,
    pub mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Sh,
    Yaml,
}

/// What else stands in fences: it is shown, and not for the reader to run.
const SHOWN: [&str; 5] = ["console", "go", "json", "text", "promql"];

impl Block {
    /// Where it is.
    pub fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }
}

/// The blocks of a document, and what is wrong with its fences and marks.
pub fn of(document: &str, markdown: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut complaints) = (Vec::new(), Vec::new());
    let mut mark: Option<(usize, Result<Mark, String>)> = None;
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        let mut complain = |number: usize, what: String| complaints.push(format!("{document}:{number}: {what}"));
        let pending = mark.take();
        let Some(language) = line.trim_start().strip_prefix("```") else {
            if let Some((number, _)) = pending.filter(is_meant) {
                complain(number, "this mark stands before no block".to_owned());
            }
            mark = Mark::in_line(line).map(|mark| (number, mark));
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let mut text = String::new();
        let mut is_closed = false;
        for (_, line) in lines.by_ref() {
            if line.trim() == "```" {
                is_closed = true;
                break;
            }
            // A block in a list is indented with its fence.
            let own = line.get(indent..).filter(|_| line[..indent].trim().is_empty()).unwrap_or(line.trim_start());
            text.push_str(own);
            text.push('\n');
        }
        if !is_closed {
            complain(number, "this fence is not closed".to_owned());
        }
        let language = match language.trim() {
            "sh" => Language::Sh,
            "yaml" => Language::Yaml,
            shown if SHOWN.contains(&shown) => {
                if let Some((number, _)) = pending.filter(is_meant) {
                    complain(number, format!("this mark stands before a block of {shown}, which is not run"));
                }
                continue;
            }
            other => {
                complain(number, format!("`{other}` is no language of a block here: sh, yaml, {}", SHOWN.join(", ")));
                continue;
            }
        };
        match pending.map_or(Ok(Mark::default()), |(_, mark)| mark).and_then(|mark| mark.fits(language).map(|()| mark)) {
            Ok(mark) => blocks.push(Block { document: document.to_owned(), line: number + 1, language, text, mark }),
            Err(what) => complain(number - 1, what),
        }
    }
    if let Some((number, _)) = mark.filter(is_meant) {
        complaints.push(format!("{document}:{number}: this mark stands before no block"));
    }
    (blocks, complaints)
}

/// Whether a comment wants to be a mark; only before a block must each of them be one.
fn is_meant((_, mark): &(usize, Result<Mark, String>)) -> bool {
    !matches!(mark, Err(what) if what == NO_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(markdown: &str) -> Block {
        let (blocks, complaints) = of("a.md", markdown);
        assert_eq!(complaints, Vec::<String>::new());
        blocks.into_iter().next().expect("a block")
    }

    #[test]
    fn a_block_in_a_list_loses_the_indentation_of_its_fence() {
        let block = only("1. do\n\n   ```sh\n   cat <<X\n     y\n\n   X\n   ```\n");
        assert_eq!((block.text.as_str(), block.line), ("cat <<X\n  y\n\nX\n", 4));
    }

    #[test]
    fn a_comment_elsewhere_is_no_mark() {
        assert_eq!(only("<!-- Generated. -->\n\n```sh\nls\n```\n<!-- The end. -->").mark, Mark::default());
    }

    #[test]
    fn what_is_written_wrongly_is_named_with_its_line() {
        for (markdown, complaint) in [
            ("<!-- run: by magic, as values -->\n```yaml\n```\n", "a.md:1: `by` stands alone"),
            ("\n<!-- run: backwards -->\n```sh\n```\n", "a.md:2: `backwards` is no clause of a mark"),
            ("<!-- runs: in a new cluster -->\n```sh\n```\n", "a.md:1: this comment before a block is no mark: `run: …` or `not run: …`"),
            ("<!-- not run: -->\n```sh\n```\n", "a.md:1: a reason is missing"),
            ("<!-- not run -->\n```sh\n```\n", "a.md:1: `not run` lacks its colon"),
            ("<!-- run: as values -->\n```sh\n```\n", "a.md:1: `as values` is for yaml"),
            ("<!-- run: while ada consents -->\n```yaml\n```\n", "a.md:1: `while ada consents` is for sh"),
            ("<!-- run: as values -->\n\n```yaml\n```\n", "a.md:1: this mark stands before no block"),
            ("<!-- run: as values -->\n```json\n```\n", "a.md:1: this mark stands before a block of json, which is not run"),
            ("```bash\n```\n", "a.md:1: `bash` is no language of a block here: sh, yaml, console, go, json, text, promql"),
            ("```sh\nls\n", "a.md:1: this fence is not closed"),
            ("<!-- not run: it ends the document -->", "a.md:1: this mark stands before no block"),
        ] {
            let (_, complaints) = of("a.md", markdown);
            assert_eq!(complaints, [complaint], "{markdown}");
        }
    }
}
