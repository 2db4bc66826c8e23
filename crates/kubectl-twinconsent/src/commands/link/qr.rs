//! PURE. A QR code in a terminal, two modules above each other in one character.
//!
//! With colours the code brings its own black and white, and reads alike on every background. Without, characters have the colour of the
//! terminal's text: on a dark background they are the light modules, on a light one the dark ones.

use clap::ValueEnum;
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};

/// How wide the light margin is that scanners need, in modules.
const MARGIN: usize = 4;

/// The background of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Background {
    /// Light text on a dark background.
    Dark,
    /// Dark text on a light background.
    Light,
}

/// A code with its margin.
pub struct Code {
    modules: Vec<Color>,
    width: usize,
}

/// Makes the code of a text.
///
/// # Errors
/// When the text is too long for a code.
pub fn code(text: &str) -> Result<Code, ()> {
    // The lowest correction: a screen has no scratches, and a small code fits into a small window.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| ())?;
    Ok(Code { width: code.width(), modules: code.into_colors() })
}

impl Code {
    /// Whether the module at this place is dark; the margin, and what lies beyond it, is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(MARGIN).filter(|at| *at < self.width);
        inside(x).zip(inside(y)).is_some_and(|(x, y)| self.modules[y * self.width + x] == Color::Dark)
    }

    /// Each line, as pairs of what is above and below: whether they are dark.
    fn lines(&self) -> impl Iterator<Item = Vec<(bool, bool)>> {
        let side = self.width + 2 * MARGIN;
        (0..side.div_ceil(2)).map(move |line| (0..side).map(|x| (self.is_dark(x, 2 * line), self.is_dark(x, 2 * line + 1))).collect())
    }
}

/// The code in black and white of its own.
pub fn in_colours(code: &Code) -> String {
    // Of the 256 colours these two are not renamed by a theme. Where both halves are alike no glyph is drawn, so that no seam shows.
    let number = |is_dark: bool| if is_dark { 16 } else { 231 };
    let cell = |(above, below): &(bool, bool)| {
        let glyph = if above == below { ' ' } else { '▀' };
        format!("\u{1b}[38;5;{};48;5;{}m{glyph}", number(*above), number(*below))
    };
    let lines = code.lines().map(|line| line.iter().map(cell).collect::<String>() + "\u{1b}[0m");
    lines.collect::<Vec<_>>().join("\n")
}

/// The code in characters alone.
pub fn in_characters(code: &Code, background: Background) -> String {
    let is_drawn = |is_dark: bool| is_dark == (background == Background::Light);
    let glyph = |(above, below): &(bool, bool)| match (is_drawn(*above), is_drawn(*below)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    code.lines().map(|line| line.iter().map(glyph).collect::<String>()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://app.heygen.com/consent/7c9e6679-7425-40de-944b-e07fc1f90ae7?token=AbCdEf0123456789";

    /// What a terminal with this background shows: for each pixel, how bright it is. A character is 8 pixels wide and 16 high.
    fn screen(text: &str, background: Background) -> Vec<Vec<u8>> {
        let plain = if background == Background::Dark { (230, 30) } else { (30, 230) };
        let mut rows = Vec::new();
        for line in text.lines() {
            let (mut colours, mut cells) = (plain, Vec::new());
            let mut rest = line.chars();
            while let Some(character) = rest.next() {
                if character != '\u{1b}' {
                    let (above, below) = match character {
                        '█' => (colours.0, colours.0),
                        '▀' => (colours.0, colours.1),
                        '▄' => (colours.1, colours.0),
                        ' ' => (colours.1, colours.1),
                        other => panic!("{other:?} is not drawn"),
                    };
                    cells.push((above, below));
                    continue;
                }
                let sequence: String = rest.by_ref().skip(1).take_while(|character| *character != 'm').collect();
                let bright = |number: &str| if number == "231" { 255 } else { 0 };
                colours = match sequence.split(';').collect::<Vec<_>>()[..] {
                    ["0"] => plain,
                    ["38", "5", above, "48", "5", below] => (bright(above), bright(below)),
                    _ => panic!("{sequence}"),
                };
            }
            let pixels = |of: fn(&(u8, u8)) -> u8| cells.iter().flat_map(|cell| [of(cell); 8]).collect::<Vec<_>>();
            rows.extend(std::iter::repeat_n(pixels(|cell| cell.0), 8));
            rows.extend(std::iter::repeat_n(pixels(|cell| cell.1), 8));
        }
        // The window is larger than the code, and has the colour of its background around it.
        let width = rows[0].len();
        let edge = || vec![plain.1; 40];
        let blank = || std::iter::repeat_n(vec![plain.1; width + 80], 40);
        let middle = rows.into_iter().map(|row| [edge(), row, edge()].concat());
        blank().chain(middle).chain(blank()).collect()
    }

    /// What a camera reads on such a screen.
    fn scanned(text: &str, background: Background) -> Option<String> {
        let screen = screen(text, background);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(screen[0].len(), screen.len(), |x, y| screen[y][x]);
        Some(image.detect_grids().first()?.decode().ok()?.1)
    }

    #[test]
    fn a_camera_reads_the_code_from_a_dark_and_from_a_light_terminal() {
        let code = code(LINK).unwrap();
        for background in [Background::Dark, Background::Light] {
            assert_eq!(scanned(&in_colours(&code), background).as_deref(), Some(LINK), "in colours, {background:?}");
            assert_eq!(scanned(&in_characters(&code, background), background).as_deref(), Some(LINK), "in characters, {background:?}");
        }
        // A camera that knows no inverted codes reads nothing of one that was drawn for the other background.
        assert_eq!(scanned(&in_characters(&code, Background::Dark), Background::Light), None);
    }

    #[test]
    fn a_code_has_its_margin_and_fits_into_a_window_of_80_columns() {
        let drawn = in_characters(&code(LINK).unwrap(), Background::Light);
        let widths: Vec<usize> = drawn.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0] && *width <= 80), "{widths:?}");
        assert!(drawn.lines().take(2).all(|line| line.trim().is_empty()), "{drawn}");
        assert!(drawn.lines().all(|line| line.starts_with("    ") && line.ends_with("    ")), "{drawn}");
        assert!(code(&"a".repeat(5000)).is_err());
    }
}
