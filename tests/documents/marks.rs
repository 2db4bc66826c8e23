//! The marks before blocks: comments that say what a block needs, or why it is not run. CONTRIBUTING.md has their grammar.

use crate::blocks::Language;

/// What is wrong with any other comment that stands before a block.
pub const NO_MARK: &str = "this comment before a block is no mark: `run: …` or `not run: …`";

/// What becomes of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// It is run or applied here, with all of this.
    Run(Vec<Clause>),
    /// This file runs it.
    By(String),
    /// It cannot be run, for this reason.
    Not(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// A new cluster, in which there are these namespaces and nothing else of ours.
    NewCluster(Vec<String>),
    /// Meanwhile the person of this consent gives it, once there is a link.
    Consents(String),
    /// The YAML stands in this file.
    File(String),
    /// The YAML holds values of the chart.
    Values,
    /// The YAML is a part of this file.
    PartOf(String),
}

impl Default for Mark {
    fn default() -> Self {
        Self::Run(Vec::new())
    }
}

impl Mark {
    /// The mark in a line, if there is a comment.
    pub fn in_line(line: &str) -> Option<Result<Self, String>> {
        let comment = line.trim().strip_prefix("<!--")?.trim_start();
        let text = comment.split("-->").next().unwrap_or_default().trim();
        let (word, is_run) = if text.starts_with("not run") { ("not run", false) } else { ("run", true) };
        let rest = text.strip_prefix(word).filter(|rest| !rest.starts_with(char::is_alphanumeric));
        let Some(rest) = rest else { return Some(Err(NO_MARK.to_owned())) };
        let Some(rest) = rest.strip_prefix(':').map(str::trim) else { return Some(Err(format!("`{word}` lacks its colon"))) };
        Some(match (is_run, rest) {
            (false, "") => Err("a reason is missing".to_owned()),
            (false, reason) => Ok(Self::Not(reason.to_owned())),
            (true, clauses) => Self::run(clauses),
        })
    }

    fn run(clauses: &str) -> Result<Self, String> {
        if let Some(file) = clauses.strip_prefix("by ") {
            return if file.contains(' ') { Err("`by` stands alone".to_owned()) } else { Ok(Self::By(file.to_owned())) };
        }
        clauses.split(',').map(|clause| Clause::parsed(clause.trim())).collect::<Result<_, _>>().map(Self::Run)
    }

    /// Whether it can stand before a block of this language.
    pub fn fits(&self, language: Language) -> Result<(), String> {
        let Self::Run(clauses) = self else { return Ok(()) };
        for clause in clauses {
            let (text, wanted) = match clause {
                Clause::NewCluster(_) => continue,
                Clause::Consents(name) => (format!("while {name} consents"), Language::Sh),
                Clause::File(file) => (format!("as {file}"), Language::Yaml),
                Clause::Values => ("as values".to_owned(), Language::Yaml),
                Clause::PartOf(file) => (format!("as a part of {file}"), Language::Yaml),
            };
            if wanted != language {
                return Err(format!("`{text}` is for {}", if wanted == Language::Sh { "sh" } else { "yaml" }));
            }
        }
        Ok(())
    }
}

impl Clause {
    fn parsed(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match words[..] {
            ["in", "a", "new", "cluster"] => Ok(Self::NewCluster(Vec::new())),
            ["in", "a", "new", "cluster", "with", ref namespaces @ ..] if !namespaces.is_empty() => Ok(Self::NewCluster(owned(namespaces))),
            ["while", name, "consents"] => Ok(Self::Consents(name.to_owned())),
            ["as", "values"] => Ok(Self::Values),
            ["as", "a", "part", "of", file] => Ok(Self::PartOf(file.to_owned())),
            ["as", file] => Ok(Self::File(file.to_owned())),
            _ => Err(format!("`{text}` is no clause of a mark")),
        }
    }
}
