//! Files of an audit log, read line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The name that stands for the standard input.
const STDIN: &str = "-";

/// Files as one log: those that were rotated first come first. Which line of which file has which number is known.
#[derive(Debug, Default)]
pub struct Files {
    /// Each file with the number of lines before it.
    starts: Vec<(String, u64)>,
    lines: u64,
}

impl Files {
    /// Reads all lines in order, without their ends; what is no UTF-8 is replaced, so that such a line has not the digest that it names.
    ///
    /// # Errors
    /// When a file cannot be read, or `take` fails.
    pub fn read(paths: &[PathBuf], mut take: impl FnMut(&str) -> Result<(), Error>) -> Result<Self, Error> {
        let mut files = Self::default();
        for path in paths {
            files.starts.push((path.display().to_string(), files.lines));
            let mut reader = open(path).map_err(|error| unreadable(path, &error))?;
            let mut line = Vec::new();
            loop {
                line.clear();
                if reader.read_until(b'\n', &mut line).map_err(|error| unreadable(path, &error))? == 0 {
                    break;
                }
                files.lines += 1;
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                take(&String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)))?;
            }
        }
        Ok(files)
    }

    /// PURE. The file and the line in it, for the number of a line among all; both are counted from 1.
    #[must_use]
    pub fn place(&self, number: u64) -> (&str, u64) {
        let start = self.starts.iter().rev().find(|(_, before)| *before < number);
        start.map_or(("", number), |(file, before)| (file, number - before))
    }

    /// PURE. The same for people: `line 17`, and of several files `line 17 of audit.log`.
    #[must_use]
    pub fn named(&self, number: u64) -> String {
        let (file, line) = self.place(number);
        if self.starts.len() > 1 { format!("line {line} of {file}") } else { format!("line {line}") }
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths = [write("a.log", b"one\r\ntwo\n"), write("b.log", b""), write("c.log", b"thr\xffee")];
        let mut seen = Vec::new();
        let files = Files::read(&paths, |line| {
            seen.push(line.to_owned());
            Ok(())
        });
        let files = files.unwrap();
        assert_eq!(seen, ["one", "two", "thr\u{fffd}ee"]);
        assert_eq!(files.place(2).1, 2);
        let (file, line) = files.place(3);
        assert_eq!((file.ends_with("c.log"), line), (true, 1));
        assert!(files.named(1).starts_with("line 1 of ") && files.named(1).ends_with("a.log"));
        let missing = Files::read(&[folder.path().join("none")], |_| Ok(())).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read "), "{missing}");
    }
}
